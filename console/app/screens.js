// Every screen: its address, its place in the menu, and the roles that see it.

import { Budget } from "./screens/budget.js";
import { Budgets } from "./screens/budgets.js";
import { Keys } from "./screens/keys.js";
import { Prices } from "./screens/prices.js";

const READERS = ["admin", "reader"];

export const SCREENS = [
  { path: "budgets", title: "Budgets", group: "Control", roles: READERS, view: Budgets, one: Budget },
  { path: "prices", title: "Prices and rates", group: "Settings", roles: READERS, view: Prices },
  { path: "keys", title: "API keys", group: "Settings", roles: READERS, view: Keys },
];

export const screensFor = (role) => SCREENS.filter((screen) => screen.roles.includes(role));

// Every screen: its address, its place in the menu, and the roles that see it.

import { Budget } from "./screens/budget.js";
import { Budgets } from "./screens/budgets.js";
import { Changes } from "./screens/changes.js";
import { Explorer } from "./screens/explorer.js";
import { Holds } from "./screens/holds.js";
import { Keys } from "./screens/keys.js";
import { Overview } from "./screens/overview.js";
import { Prices } from "./screens/prices.js";
import { Refusals } from "./screens/refusals.js";

const READERS = ["admin", "reader"];

export const SCREENS = [
  { path: "overview", title: "Overview", group: "Spend", roles: READERS, view: Overview },
  { path: "explorer", title: "Explorer", group: "Spend", roles: READERS, view: Explorer },
  { path: "budgets", title: "Budgets", group: "Control", roles: READERS, view: Budgets, one: Budget },
  { path: "holds", title: "Open holds", group: "Control", roles: READERS, view: Holds },
  { path: "refusals", title: "Refusals", group: "Control", roles: READERS, view: Refusals },
  { path: "prices", title: "Prices and rates", group: "Settings", roles: READERS, view: Prices },
  { path: "keys", title: "API keys", group: "Settings", roles: READERS, view: Keys },
  { path: "changes", title: "Changes", group: "Settings", roles: READERS, view: Changes },
];

export const screensFor = (role) => SCREENS.filter((screen) => screen.roles.includes(role));

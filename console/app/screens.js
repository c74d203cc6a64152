// Every screen: its address and its place in the menu.

import { Budget } from "./screens/budget.js";
import { Budgets } from "./screens/budgets.js";
import { Changes } from "./screens/changes.js";
import { Explorer } from "./screens/explorer.js";
import { Holds } from "./screens/holds.js";
import { Keys } from "./screens/keys.js";
import { Notifications } from "./screens/notifications.js";
import { Overview } from "./screens/overview.js";
import { Prices } from "./screens/prices.js";
import { Refusals } from "./screens/refusals.js";
import { Request } from "./screens/request.js";
import { Requests } from "./screens/requests.js";
import { maySeeAll } from "./roles.js";

const SCREENS = [
  { path: "overview", title: "Overview", group: "Spend", view: Overview },
  { path: "explorer", title: "Explorer", group: "Spend", view: Explorer },
  { path: "budgets", title: "Budgets", group: "Control", view: Budgets, one: Budget },
  { path: "requests", title: "Requests", group: "Control", view: Requests, one: Request },
  { path: "holds", title: "Open holds", group: "Control", view: Holds, when: maySeeAll },
  { path: "refusals", title: "Refusals", group: "Control", view: Refusals },
  { path: "prices", title: "Prices and rates", group: "Settings", view: Prices, when: maySeeAll },
  { path: "notifications", title: "Notifications", group: "Settings", view: Notifications, when: maySeeAll },
  { path: "keys", title: "API keys", group: "Settings", view: Keys, when: maySeeAll },
  { path: "changes", title: "Changes", group: "Settings", view: Changes, when: maySeeAll },
];

/** The screens that a key may read. */
export const screensOf = (me) => SCREENS.filter(({ when }) => !when || when(me));

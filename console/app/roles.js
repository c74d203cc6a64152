// What each role may do in the console; the API decides, this only hides what it would refuse.

/** The roles that may sign in. An approver sees the screens that a decision needs, the others all. */
export const ROLES = ["admin", "approver", "reader"];

/** Whether a role may do something beyond reading. */
export const mayChange = (me) => me.role === "admin";

/** Whether a role may approve and deny increase requests. */
export const mayDecide = (me) => ["admin", "approver"].includes(me.role);

/** Whether a role may read the change log and what it is about: settings, keys and holds. */
export const maySeeAll = (me) => me.role !== "approver";

// What each role may do in the console; the API decides, this only hides what it would refuse.

/** The roles that may sign in; each sees every screen. */
export const ROLES = ["admin", "reader"];

/** Whether a role may do something beyond reading. */
export const mayChange = (me) => me.role === "admin";

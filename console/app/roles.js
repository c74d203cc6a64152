// What each role may do in the console; the API decides, this only hides what it would refuse.

/** The roles that may sign in. */
export const ROLES = ["admin", "reader"];

const DEEDS = { admin: ["change"] };

/** Whether a role may do something beyond reading. */
export const may = (me, deed) => DEEDS[me.role]?.includes(deed) ?? false;

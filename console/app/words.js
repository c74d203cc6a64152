// How the console says times, periods, statuses and entries.

/** A moment in the reader's own time zone; the year only if it is another one. */
export function moment(at) {
  const date = new Date(at);
  const options = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (date.getFullYear() !== new Date().getFullYear()) options.year = "numeric";
  return date.toLocaleString("en-GB", options);
}

/** A day, such as 3 Mar 2026. */
export function day(at, timezone) {
  return new Date(at).toLocaleDateString("en-GB", {
    day: "numeric", month: "short", year: "numeric", timeZone: timezone,
  });
}

/** How far away a moment is: "in 3 hours", "2 days ago". */
export function away(at, now = Date.now()) {
  const seconds = Math.round((new Date(at) - now) / 1000);
  const span = lasting(Math.abs(seconds));
  return seconds >= 0 ? `in ${span}` : `${span} ago`;
}

/** A length of time in its largest fitting unit. */
export function lasting(seconds) {
  const units = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
  const [name, size] = units.find(([, length]) => seconds >= length * 1.5 || length === 1);
  const count = Math.max(1, Math.round(seconds / size));
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

/** Subjects in one line: "agent:researcher, team:research". */
export const subjectLine = (subjects) => Object.entries(subjects).map(([type, id]) => `${type}:${id}`).join(", ");

/** What a budget's limit is per: "each day (Europe/Paris)". */
export function periodRule(period) {
  switch (period.type) {
    case "calendar": {
      const zone = period.timezone && period.timezone !== "UTC" ? ` (${period.timezone})` : "";
      return `each ${period.unit}${zone}`;
    }
    case "rolling":
      return `in any ${lasting(period.seconds)}`;
    case "duration":
      return `${lasting(period.seconds)} from first use`;
    default:
      return "never resets";
  }
}

const STATUS_WORDS = {
  active: ["good", "Active"],
  warning: ["warn", "Warning"],
  exhausted: ["stop", "Exhausted"],
  paused: ["stop", "Paused"],
  disabled: ["", "Disabled"],
  pending: ["warn", "Waiting"],
  approved: ["good", "Approved"],
  denied: ["stop", "Denied"],
  expired: ["", "Expired"],
};

/** The tone and the word of a status. */
export const statusWord = (status) => STATUS_WORDS[status] ?? ["", status];

/** Where the spending of a balance leads to, in one sentence. */
export function outlook(balance, { projected }) {
  const { forecast, period, unit } = balance;
  if (balance.status === "paused") return "Paused: new requests are refused until it is resumed.";
  if (balance.status === "disabled") return "Disabled: it neither counts nor refuses.";
  if (balance.status === "exhausted") {
    return balance.resets_at
      ? `Nothing is left. It resets ${away(balance.resets_at)}, on ${moment(balance.resets_at)}.`
      : "Nothing is left, and it never resets: add a credit or raise the limit.";
  }
  if (!forecast) return "It never resets, so there is no forecast.";
  if (forecast.limit_reached_at) {
    const when = `${away(forecast.limit_reached_at)}, on ${moment(forecast.limit_reached_at)}`;
    return `At this pace nothing is left ${when}.`;
  }
  if (projected === null || !period.ends_at) return "At this pace it is not exhausted.";
  return `At this pace ${projected} ${unit} are spent when it resets on ${moment(period.ends_at)}.`;
}

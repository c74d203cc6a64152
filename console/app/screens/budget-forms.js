// The forms that change a budget, and what they send.

import { REASON } from "../dialog.js";

const PERIODS = [
  ["none", "Never resets"],
  ...["hour", "day", "week", "month", "quarter", "year"].map((unit) => [unit, `Each ${unit}`]),
  ["rolling", "Rolling window"],
  ["duration", "From the first use"],
];

const isWindow = (values) => ["rolling", "duration"].includes(values.period);
const isCalendar = (values) => values.period !== "none" && !isWindow(values);

export const NEW_BUDGET = [
  { name: "subject", label: "Subject", help: "type:id, such as agent:researcher; agent:* is a default for every agent." },
  { name: "limit", label: "Limit", type: "amount" },
  { name: "unit", label: "Unit", value: "usd", help: "usd, eur, tokens or any lower-case word." },
  { name: "period", label: "Period", type: "select", value: "month", options: PERIODS },
  { name: "timezone", label: "Time zone", value: "UTC", help: "Such as Europe/Paris.", when: isCalendar },
  { name: "window", label: "Length", value: "24h", help: "Such as 30 min, 5h or 7d.", when: isWindow },
  { name: "name", label: "Name", optional: true, maxlength: 100 },
  REASON,
];

/** The body that creates a budget. */
export function newBudget({ subject, limit, unit, period, timezone, window, name }) {
  const body = { subject: subject.trim(), limit: limit.trim(), unit: unit.trim() };
  if (name.trim()) body.name = name.trim();
  if (period === "none") return { ...body, period: { type: "none" } };
  if (isWindow({ period })) return { ...body, period: { type: period, window: window.trim() } };
  return { ...body, period: { type: "calendar", unit: period, timezone: timezone.trim() } };
}

/** The form for the limits of a budget. */
export const limitForm = (budget) => [
  { name: "limit", label: `Limit in ${budget.unit}`, type: "amount", value: budget.limit },
  { name: "soft_limit", label: `Soft limit in ${budget.unit}`, type: "amount", value: budget.soft_limit ?? "", optional: true, help: "From here on it warns, or pauses. Empty: none." },
  { name: "on_soft_limit", label: "At the soft limit", type: "select", value: budget.on_soft_limit, options: [["warn", "Warn"], ["pause", "Pause"]] },
  REASON,
];

export const newLimits = ({ limit, soft_limit: soft, on_soft_limit: onSoft }) => ({
  limit: limit.trim(),
  soft_limit: soft.trim() || null,
  on_soft_limit: onSoft,
});

/** The form for a credit on the current period of one subject. */
export const creditForm = (unit) => [
  { name: "amount", label: `Amount in ${unit}`, type: "amount", help: "A negative amount corrects an earlier credit." },
  { name: "expires_at", label: "Ends", type: "datetime", optional: true, help: "In your time zone. Empty: with the period." },
  { name: "description", label: "What it is for", optional: true, maxlength: 500, help: "In the ledger." },
  REASON,
];

export const newCredit = ({ amount, description, expires_at: ends }, subject) => ({
  amount: amount.trim(),
  ...(ends ? { expires_at: new Date(ends).toISOString() } : {}),
  ...(description.trim() ? { description: description.trim() } : {}),
  ...(subject ? { subject } : {}),
});

// The API key of this tab: in sessionStorage only, and forgotten after 30 idle minutes.

const KEY = "spendgate.key";
const SEEN = "spendgate.seen";
const IDLE_MS = 30 * 60 * 1000;
const CHECK_MS = 15 * 1000;

let onEnd = () => {};

/** The key, unless the tab was idle for too long. */
export function key() {
  if (isIdle()) forget();
  return sessionStorage.getItem(KEY);
}

export function begin(secret) {
  sessionStorage.setItem(KEY, secret);
  touch();
}

/** Forgets the key and shows the sign-in screen with the reason. */
export function end(reason) {
  forget();
  onEnd(reason);
}

/** Calls `listener` with the reason whenever the session ends. */
export function watch(listener) {
  onEnd = listener;
  for (const event of ["pointerdown", "keydown"]) addEventListener(event, touch, { passive: true });
  setInterval(() => {
    if (sessionStorage.getItem(KEY) && isIdle()) end("You were signed out after 30 minutes without activity.");
  }, CHECK_MS);
}

function forget() {
  sessionStorage.removeItem(KEY);
  sessionStorage.removeItem(SEEN);
}

function touch() {
  if (sessionStorage.getItem(KEY) && !isIdle()) sessionStorage.setItem(SEEN, String(Date.now()));
}

function isIdle() {
  const seen = sessionStorage.getItem(SEEN);
  return seen !== null && Date.now() - Number(seen) > IDLE_MS;
}

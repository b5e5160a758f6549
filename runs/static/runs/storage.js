/**
 * Which run this browser follows, in localStorage: `{taskId, taskType, timestamp}`, for an hour.
 * A status, a count or a percentage is never stored: those come from the server each time.
 */

const HOUR_MS = 3600 * 1000;

/** @typedef {{taskId: number|string, taskType: string, timestamp: number}} StoredRun */

/** @param {string} business @param {string} type */
const storageKey = (business, type) => `longTask_${business}_${type}`;

/** @param {string} business @param {string} type @param {number|string} taskId */
export function storeRun(business, type, taskId) {
  const stored = loadStoredRun(business, type);
  const timestamp = stored?.taskId === taskId ? stored.timestamp : Date.now();
  write(storageKey(business, type), { taskId, taskType: type, timestamp });
}

/**
 * Entries of older versions hold more: only their id is used, and they are rewritten.
 * @param {string} business @param {string} type @returns {StoredRun | null}
 */
export function loadStoredRun(business, type) {
  const stored = read(storageKey(business, type));
  const age = Date.now() - stored?.timestamp;
  if (!stored?.taskId || !(age < HOUR_MS)) {
    removeStoredRun(business, type);
    return null;
  }
  const run = { taskId: stored.taskId, taskType: type, timestamp: stored.timestamp };
  if (Object.keys(stored).length !== Object.keys(run).length) write(storageKey(business, type), run);
  return run;
}

/** @param {string} business @param {string} type */
export function removeStoredRun(business, type) {
  try {
    localStorage.removeItem(storageKey(business, type));
  } catch {
    // Storage is forbidden, so nothing was stored either.
  }
}

/** @param {string} key */
function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

/** @param {string} key @param {StoredRun} run */
function write(key, run) {
  try {
    localStorage.setItem(key, JSON.stringify(run));
  } catch {
    // Full or forbidden: the page works without it.
  }
}

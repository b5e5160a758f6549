/**
 * Which task this browser is watching: `{taskId, taskType, timestamp}` for an hour, and nothing else.
 * Never a status, a count or a percentage: those are asked of the server, each time.
 */

const HOUR_MS = 3600 * 1000;

/** @typedef {{taskId: number|string, taskType: string, timestamp: number}} Memory */

/** @param {string} business @param {string} type */
const keyOf = (business, type) => `longTask_${business}_${type}`;

/** @param {string} business @param {string} type @param {number|string} taskId */
export function remember(business, type, taskId) {
  const kept = recall(business, type);
  const timestamp = kept?.taskId === taskId ? kept.timestamp : Date.now();
  write(keyOf(business, type), { taskId, taskType: type, timestamp });
}

/**
 * What is remembered; entries of older versions are read for their id only, and written anew.
 * @param {string} business @param {string} type @returns {Memory | null}
 */
export function recall(business, type) {
  const kept = read(keyOf(business, type));
  const age = Date.now() - kept?.timestamp;
  if (!kept?.taskId || !(age < HOUR_MS)) {
    forget(business, type);
    return null;
  }
  const memory = { taskId: kept.taskId, taskType: type, timestamp: kept.timestamp };
  if (Object.keys(kept).length !== Object.keys(memory).length) write(keyOf(business, type), memory);
  return memory;
}

/** @param {string} business @param {string} type */
export function forget(business, type) {
  try {
    localStorage.removeItem(keyOf(business, type));
  } catch {
    // Storage may be forbidden; then nothing was kept either.
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

/** @param {string} key @param {Memory} memory */
function write(key, memory) {
  try {
    localStorage.setItem(key, JSON.stringify(memory));
  } catch {
    // Full or forbidden: the page works without it.
  }
}

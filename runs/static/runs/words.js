/** Words and numbers in the reader's language. The words come with the page, as inert JSON. */

const language = document.documentElement.lang || "en";
const words = JSON.parse(document.getElementById("run-words")?.textContent || "{}");

/**
 * A word, or a sentence with its gaps filled in.
 * @param {string} key  "of", or "actions.cancel" for a word within a group
 * @param {Record<string, string>} [gaps]
 * @returns {string}
 */
export function say(key, gaps = {}) {
  const template = key.split(".").reduce((group, part) => group?.[part], words) ?? key;
  return template.replace(/\{(\w+)\}/g, (_, name) => gaps[name] ?? "");
}

/** @param {number} value @param {Intl.NumberFormatOptions} [options] */
export const number = (value, options) => new Intl.NumberFormat(language, options).format(value);

const UNITS = /** @type {const} */ ([["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]]);

/** @param {number} seconds @returns {{unit: Intl.RelativeTimeFormatUnitSingular & string, count: number}} */
function inUnits(seconds) {
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ["second", 1];
  return { unit, count: Math.floor(Math.max(0, seconds) / size) };
}

/** "12 seconds ago" @param {number} seconds */
export function ago(seconds) {
  const { unit, count } = inUnits(seconds);
  return new Intl.RelativeTimeFormat(language, { numeric: "always" }).format(-count, unit);
}

/** "12 seconds" @param {number} seconds */
export function duration(seconds) {
  const { unit, count } = inUnits(seconds);
  return number(count, { style: "unit", unit, unitDisplay: "long" });
}

const moments = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "short" });

/** A moment in the reader's own time zone. @param {string} iso */
export const moment = (iso) => moments.format(new Date(iso));

/** @param {ParentNode} root */
export function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.textContent = moment(/** @type {HTMLTimeElement} */ (time).dateTime);
  }
}

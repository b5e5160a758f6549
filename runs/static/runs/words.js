/** Words and numbers in the reader's language. */

import catalogue from "./catalogue.js";

const UNITS = /** @type {const} */ ([["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]]);
const WIDE = 5; // a range whose ends are farther apart than this says nothing

export class Words {
  /** @param {string} [language]  "he-IL" is read as "he"; one that is missing as English */
  constructor(language = "") {
    const short = language.toLowerCase().split("-")[0];
    /** @type {any} */
    const catalogues = catalogue;
    this.language = short in catalogues ? short : "en";
    this.words = catalogues[this.language];
    this.direction = this.language === "he" ? "rtl" : "ltr";
  }

  /**
   * A word, or a sentence with its gaps filled in.
   * @param {string} key  "of", or "actions.cancel" for a word within a group
   * @param {Record<string, string>} [gaps]
   * @returns {string}
   */
  say(key, gaps = {}) {
    const template = key.split(".").reduce((group, part) => group?.[part], this.words) ?? key;
    return template.replace(/\{(\w+)\}/g, (/** @type {string} */ _, /** @type {string} */ name) => gaps[name] ?? "");
  }

  /** @param {string} key @param {string} otherwise  where there is no such word */
  sayOr(key, otherwise) {
    const words = this.say(key);
    return words === key ? otherwise : words;
  }

  /** @param {number} value @param {Intl.NumberFormatOptions} [options] */
  number(value, options) {
    return new Intl.NumberFormat(this.language, options).format(value);
  }

  /** "12 seconds ago" @param {number} seconds */
  ago(seconds) {
    const { unit, count } = inUnits(seconds);
    return new Intl.RelativeTimeFormat(this.language, { numeric: "always" }).format(-count, unit);
  }

  /** "12 seconds" @param {number} seconds */
  duration(seconds) {
    const { unit, count } = inUnits(seconds);
    return this.number(count, { style: "unit", unit, unitDisplay: "long" });
  }

  /**
   * What is left, as exactly as can be known: "about 7 minutes left", "5–12 minutes left".
   * @param {number} low @param {number} high  seconds
   */
  timeLeft(low, high) {
    if (high > WIDE * Math.max(low, 60)) return this.say("at_least_left", { time: this.duration(low) });
    const [unit, size] = UNITS.find(([, size]) => high >= 2 * size) ?? ["second", 1];
    const step = unit === "second" ? 5 : 1; // nobody knows it to the second
    const from = Math.max(step, Math.floor(low / size / step) * step);
    const to = Math.max(step, Math.ceil(high / size / step) * step);
    const format = new Intl.NumberFormat(this.language, { style: "unit", unit, unitDisplay: "long" });
    if (to - from <= step) return this.say("time_left", { time: format.format(to) });
    return this.say("range_left", { time: format.formatRange(from, to) });
  }

  /** A moment in the reader's own time zone. @param {string} iso */
  moment(iso) {
    return new Intl.DateTimeFormat(this.language, { dateStyle: "short", timeStyle: "short" }).format(new Date(iso));
  }
}

/** @param {number} seconds @returns {{unit: "day"|"hour"|"minute"|"second", count: number}} */
function inUnits(seconds) {
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ["second", 1];
  return { unit, count: Math.floor(Math.max(0, seconds) / size) };
}

/** The page's own language. */
export const words = new Words(document.documentElement.lang);

/** Moments that the server wrote, in the reader's time zone. @param {ParentNode} root */
export function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.textContent = words.moment(/** @type {HTMLTimeElement} */ (time).dateTime);
  }
}

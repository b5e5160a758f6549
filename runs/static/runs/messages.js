/** Texts, numbers and times in the reader's language. */

import catalogue from "./card-messages.js";

const UNITS = /** @type {const} */ ([
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
]);
const WIDEST_RANGE = 5; // the upper end of a time left may be this many times the lower one; beyond it a range is useless

// Months by name in English, where 3/4 is another day on the other side of an ocean. As the server's pages write them:
// progress_project/formats.
const DATE_STYLES = /** @type {Record<string, "medium" | "short">} */ ({ en: "medium", he: "short" });

export class Messages {
  /**
   * @param {string} [language]  "he-IL" is read as "he"; a missing or unsupported one as English
   * @param {string} [timeZone]  in which times are shown; by default the browser's
   */
  constructor(language = "", timeZone = "") {
    const short = language.toLowerCase().split("-")[0];
    /** @type {any} */
    const catalogues = catalogue;
    this.language = short in catalogues ? short : "en";
    this.catalogue = catalogues[this.language];
    this.direction = this.language === "he" ? "rtl" : "ltr";
    this.times = timeFormat(this.language, timeZone);
  }

  /**
   * A message, with its placeholders filled in.
   * @param {string} key  "of", or "actions.cancel" for a message within a group
   * @param {Record<string, string>} [values]
   * @returns {string}
   */
  text(key, values = {}) {
    const template = key.split(".").reduce((group, part) => group?.[part], this.catalogue) ?? key;
    return template.replace(/\{(\w+)\}/g, (/** @type {string} */ _, /** @type {string} */ name) => values[name] ?? "");
  }

  /** @param {string} key @param {string} fallback  for a key without a message */
  textOr(key, fallback) {
    const text = this.text(key);
    return text === key ? fallback : text;
  }

  /** @param {number} value @param {Intl.NumberFormatOptions} [options] */
  formatNumber(value, options) {
    return new Intl.NumberFormat(this.language, options).format(value);
  }

  /** "12 seconds ago" @param {number} seconds */
  formatAge(seconds) {
    const { unit, count } = inUnits(seconds);
    return new Intl.RelativeTimeFormat(this.language, { numeric: "always" }).format(-count, unit);
  }

  /** "12 seconds" @param {number} seconds */
  formatDuration(seconds) {
    const { unit, count } = inUnits(seconds);
    return this.formatNumber(count, { style: "unit", unit, unitDisplay: "long" });
  }

  /** A threshold, to the second: "1 minute, 30 seconds". @param {number} seconds */
  formatThreshold(seconds) {
    const parts = [];
    let rest = Math.round(seconds);
    for (const [unit, size] of UNITS) {
      const count = Math.floor(rest / size);
      rest -= count * size;
      if (count > 0) parts.push(this.formatNumber(count, { style: "unit", unit, unitDisplay: "long" }));
    }
    return new Intl.ListFormat(this.language, { type: "unit" }).format(parts);
  }

  /**
   * The time left, as precisely as it is known: "about 7 minutes left", "5–12 minutes left".
   * @param {number} low @param {number} high  seconds
   */
  formatTimeLeft(low, high) {
    if (high > WIDEST_RANGE * Math.max(low, 60)) return this.text("at_least_left", { time: this.formatDuration(low) });
    const [unit, size] = UNITS.find(([, size]) => high >= 2 * size) ?? ["second", 1];
    const step = unit === "second" ? 5 : 1; // no estimate is exact to the second
    const from = Math.max(step, Math.floor(low / size / step) * step);
    const to = Math.max(step, Math.ceil(high / size / step) * step);
    const format = new Intl.NumberFormat(this.language, { style: "unit", unit, unitDisplay: "long" });
    if (to - from <= step) return this.text("time_left", { time: format.format(to) });
    return this.text("range_left", { time: format.formatRange(from, to) });
  }

  /** @param {string} iso */
  formatTime(iso) {
    return this.times.format(new Date(iso));
  }
}

/**
 * A zone that this browser doesn't know is named with each time, since UTC is used in its place.
 * @param {string} language @param {string} timeZone
 */
function timeFormat(language, timeZone) {
  const styles = /** @type {const} */ ({ dateStyle: DATE_STYLES[language], timeStyle: "short" });
  try {
    return new Intl.DateTimeFormat(language, { ...styles, timeZone: timeZone || undefined });
  } catch {
    return new Intl.DateTimeFormat(language, { ...styles, timeStyle: "long", timeZone: "UTC" });
  }
}

/** @param {number} seconds @returns {{unit: "day"|"hour"|"minute"|"second", count: number}} */
function inUnits(seconds) {
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ["second", 1];
  return { unit, count: Math.floor(Math.max(0, seconds) / size) };
}

/** In the page's own language. */
export const pageMessages = new Messages(document.documentElement.lang);

/** The card of a run: what the server last said of it, and how long ago that was. */

import { get, post, Refusal } from "./api.js";
import { ago, duration, moment, number, say } from "./words.js";

/**
 * The run as the API tells of it; see /api/schema/.
 * @typedef {{
 *   id: number, type: string, status: string, total: number|null, processed: number, succeeded: number,
 *   failed: number, skipped: number, progress_pct: number|null, eta_seconds: number|null, rate: number|null,
 *   finished_at: string|null, seconds_since_heartbeat: number|null, stale_after_seconds: number, version: number, requested: string,
 *   verdict: {code: string, label: string, message: string}, actions: string[],
 * }} Run
 */

const ACTIVE = new Set(["queued", "running", "paused"]);
const MOVING = new Set(["working", "not_advancing", "quiet"]);
const COMMON_OF_ITEMS = new Set(["id", "key", "status", "error_code", "error_message", "attempts"]);

/** @param {Run | null} run */
export const isActive = (run) => run !== null && ACTIVE.has(run.status);

export class RunCard {
  /**
   * @param {HTMLElement} root
   * @param {object} options
   * @param {HTMLElement} options.news  a live region; it speaks on changes of state and each quarter
   * @param {string} options.runsUrl
   * @param {string} options.csrf
   * @param {(run: Run) => void} options.onRun  called with what a button's request was answered
   */
  constructor(root, { news, runsUrl, csrf, onRun }) {
    this.root = root;
    this.news = news;
    this.runsUrl = runsUrl;
    this.csrf = csrf;
    this.onRun = onRun;
    /** @type {Run | null} */
    this.run = null;
    this.lost = false;
    this.spoken = "";
    this.quarter = 0;
    this.part("failures").addEventListener("toggle", () => void this.listFailures());
    this.part("actions").addEventListener("click", (event) => {
      const button = /** @type {HTMLElement} */ (event.target).closest("button");
      if (button) void this.act(button);
    });
  }

  /** @param {string} name @returns {any} */
  part(name) {
    return this.root.querySelector(`[data-run="${name}"]`);
  }

  /** @param {Run} run */
  show(run) {
    if (this.run?.id === run.id && run.version < this.run.version) return; // overtaken on the way
    if (this.run?.id !== run.id) this.begin(run);
    this.run = run;
    this.part("number").textContent = say("number", { n: String(run.id) });
    this.showProgress(run);
    for (const name of /** @type {const} */ (["succeeded", "skipped", "failed"])) {
      this.part(name).textContent = number(run[name]);
    }
    const asked = run.requested && run.status === "running" ? say(`asked.${run.requested}`) : "";
    this.part("message").textContent = asked || run.verdict.message;
    this.showActions(run);
    this.showFailures(run);
    this.speak(run);
  }

  /** @param {Run} run */
  begin(run) {
    this.quarter = quarterOf(run);
    this.spoken = this.run ? "" : run.verdict.code; // what stands there on arrival is read, not announced
    this.complain("");
    this.part("failures").open = false;
  }

  /** @param {Run} run */
  showProgress(run) {
    const { total, processed, progress_pct: percent } = run;
    this.part("percent").textContent =
      percent === null ? "" : number(percent / 100, { style: "percent", maximumFractionDigits: percent % 1 ? 1 : 0 });
    this.part("count").textContent =
      total === null
        ? say("done_so_far", { done: number(processed) })
        : say("of", { done: number(processed), total: number(total) });
    this.part("rate").textContent =
      run.rate && run.status === "running" ? say("rate", { n: number(run.rate, { maximumSignificantDigits: 2 }) }) : "–";
    const bar = this.part("bar");
    this.root.toggleAttribute("data-unknown", percent === null);
    this.part("fill").style.inlineSize = percent === null ? "" : `${percent}%`;
    if (percent === null) bar.removeAttribute("aria-valuenow");
    else bar.setAttribute("aria-valuenow", String(percent));
    bar.setAttribute("aria-valuetext", this.part("count").textContent);
  }

  /**
   * What changes with time alone. Called every second.
   * @param {number} age  seconds since the server last answered
   * @param {boolean} lost  is its next answer overdue?
   */
  tick(age, lost) {
    const run = this.run;
    if (!run) return;
    if (lost !== this.lost && isActive(run)) this.announce(say(lost ? "no_contact" : "contact"));
    this.lost = lost;
    this.root.toggleAttribute("data-lost", lost);
    this.showLabel(run, age, lost);
    const left = run.eta_seconds === null || lost ? 0 : run.eta_seconds - age;
    this.part("eta").textContent = left > 0 ? say("time_left", { time: duration(left) }) : "";
    this.part("age").textContent = lost ? say("last_known", { ago: ago(age) }) : lastSign(run, age);
  }

  /** @param {Run} run @param {number} age @param {boolean} lost */
  showLabel(run, age, lost) {
    const silence = (run.seconds_since_heartbeat ?? 0) + age;
    const unknown = lost && run.status === "running" && silence > run.stale_after_seconds;
    const code = unknown ? "unknown" : run.verdict.code;
    this.root.dataset.code = code;
    this.root.toggleAttribute("data-moving", MOVING.has(code) && !lost);
    this.part("label").textContent = unknown
      ? say("unknown")
      : lost && isActive(run)
        ? say("last_known_state", { state: run.verdict.label })
        : run.verdict.label;
  }

  /** @param {Run} run */
  showActions(run) {
    const place = this.part("actions");
    const shown = [...place.children].map((button) => button.dataset.action).join();
    if (shown === run.actions.join() && !this.busy) return; // keep the focus where it is
    place.replaceChildren(
      ...run.actions.map((action) => {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "quiet";
        button.dataset.action = action;
        button.textContent = say(`actions.${action}`);
        return button;
      }),
    );
  }

  /** @param {HTMLButtonElement} button */
  async act(button) {
    if (!this.run || this.busy) return;
    this.busy = true;
    for (const each of this.part("actions").children) each.disabled = true;
    this.complain("");
    try {
      this.onRun(await post(`${this.urlOf(this.run)}${button.dataset.action}/`, this.csrf));
    } catch (error) {
      if (error instanceof Refusal && error.run) this.onRun(error.run);
      this.complain((error instanceof Refusal && error.message) || say("failed"));
    } finally {
      this.busy = false;
      for (const each of this.part("actions").children) each.disabled = false;
    }
  }

  /** @param {Run} run */
  urlOf(run) {
    return `${this.runsUrl}${run.type}/${run.id}/`;
  }

  /** @param {string} words @param {HTMLElement[]} more */
  complain(words, ...more) {
    this.part("problem").replaceChildren(words, ...more);
    this.part("problem").hidden = !words;
  }

  /** @param {Run} run */
  showFailures(run) {
    const box = this.part("failures");
    box.hidden = run.failed === 0;
    this.part("csv").href = `${this.urlOf(run)}items/?status=failed&format=csv`;
    if (box.open && this.listed !== `${run.id}:${run.failed}`) void this.listFailures();
  }

  async listFailures() {
    const run = this.run;
    if (!run || !this.part("failures").open) return;
    this.listed = `${run.id}:${run.failed}`;
    try {
      const page = await get(`${this.urlOf(run)}items/?status=failed`);
      const rows = page.results.map(itemRow);
      this.part("failed-items").replaceChildren(...rows);
      this.part("failed-note").textContent =
        rows.length === 0 ? say("nothing_failed") : page.next ? say("more", { n: number(rows.length) }) : "";
    } catch {
      this.listed = ""; // the next answer about the run tries again
      this.part("failed-note").textContent = say("failed");
    }
  }

  /** @param {Run} run */
  speak(run) {
    const quarter = quarterOf(run);
    if (run.verdict.code !== this.spoken) {
      if (this.spoken !== run.verdict.code && this.run) this.announce(`${run.verdict.label}. ${run.verdict.message}`);
    } else if (quarter > this.quarter) {
      this.announce(say("percent", { n: number(quarter * 25) }));
    }
    this.spoken = run.verdict.code;
    this.quarter = quarter;
  }

  /** @param {string} words */
  announce(words) {
    this.news.textContent = words;
  }
}

/** @param {Run} run @param {number} age */
function lastSign(run, age) {
  if (run.finished_at) return say("finished", { time: moment(run.finished_at) });
  if (run.status !== "running" || run.seconds_since_heartbeat === null) return "";
  return say("heartbeat", { ago: ago(run.seconds_since_heartbeat + age) });
}

/** @param {Run} run */
const quarterOf = (run) => Math.floor((run.progress_pct ?? 0) / 25);

/** @param {Record<string, any>} item */
function itemRow(item) {
  const own = Object.entries(item).flatMap(([name, value]) => (COMMON_OF_ITEMS.has(name) || !value ? [] : [value]));
  const [title = item.key, ...rest] = own;
  const row = document.createElement("li");
  row.append(line("strong", title), line("span", rest.join(" · ")), line("p", item.error_message || item.error_code));
  return row;
}

/** @param {string} tag @param {string} words  by strangers: never as markup, and in its own direction */
function line(tag, words) {
  const element = document.createElement(tag);
  element.appendChild(document.createElement("bdi")).textContent = words;
  return element;
}

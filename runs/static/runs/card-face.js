/** The face of a card: what the server last said of a run, and how long ago that was. It asks nobody anything. */

import { look } from "./card-look.js";
import { Words } from "./words.js";

/**
 * The run as the API tells of it; see /api/schema/.
 * @typedef {{
 *   id: number, type: string, status: string, total: number|null, processed: number, succeeded: number,
 *   failed: number, skipped: number, progress_pct: number|null, eta_seconds: number|null, rate: number|null,
 *   started_at: string|null, finished_at: string|null, server_now: string, seconds_since_heartbeat: number|null,
 *   stale_after_seconds: number, version: number, requested: string, actions: string[],
 *   verdict: {code: string, label: string, message: string, evidence: Record<string, any>},
 *   details: Record<string, any>,
 * }} Run
 */

const ACTIVE = new Set(["queued", "running", "paused"]);
const MOVING = new Set(["working", "not_advancing", "quiet"]);
const AGES = new Set(["seconds_since_heartbeat", "seconds_since_progress"]);
const COMMON_OF_ITEMS = new Set(["id", "key", "status", "error_code", "error_message", "attempts"]);

/** @param {Run | null} run */
export const isActive = (run) => run !== null && ACTIVE.has(run.status);

const template = document.createElement("template");
template.innerHTML = `
  <article part="card" aria-labelledby="title">
    <header>
      <h2 id="title" part="heading"><span data-fill="heading"></span> <small data-fill="number"></small></h2>
      <span class="pill" part="label"></span>
    </header>
    <div class="figure">
      <strong part="percent"></strong>
      <div><p part="count"></p><p part="eta"></p></div>
    </div>
    <div class="bar" part="bar" role="progressbar" aria-labelledby="title" aria-valuemin="0" aria-valuemax="100"><div class="fill" part="fill"></div></div>
    <div class="under"><p part="message" dir="auto"></p><p part="age"></p></div>
    <ul class="warnings" part="warnings" hidden></ul>
    <dl class="stats" part="stats">
      <div><dt data-say="succeeded"></dt><dd part="succeeded">–</dd></div>
      <div><dt data-say="skipped"></dt><dd part="skipped">–</dd></div>
      <div><dt data-say="failed_items"></dt><dd part="failed">–</dd></div>
      <div><dt data-say="speed"></dt><dd part="rate">–</dd></div>
    </dl>
    <div class="foot" part="actions"></div>
    <p class="problem" part="problem" role="alert" hidden></p>
    <details part="failures" hidden>
      <summary data-say="what_failed"></summary>
      <ul class="items" part="items" tabindex="0"></ul>
      <p class="soft"><span data-fill="failed-note"></span> <a part="csv" data-say="csv" download></a></p>
    </details>
    <details part="why">
      <summary data-say="why"></summary>
      <p data-fill="why-is"></p>
      <dl class="evidence" part="evidence"></dl>
      <p class="soft" data-say="why_left" data-fill="why-left"></p>
      <p class="soft" data-say="events"></p>
      <ol class="events" part="events"></ol>
    </details>
  </article>
  <div class="empty" part="empty"><slot name="empty"></slot></div>
  <p class="news" part="news" role="status" aria-live="polite"></p>`;

export class Face {
  /** @param {HTMLElement} host @param {string} language @param {string} heading */
  constructor(host, language, heading) {
    this.host = host;
    this.words = new Words(language);
    this.root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    this.root.adoptedStyleSheets = [look];
    this.root.replaceChildren(template.content.cloneNode(true));
    for (const place of this.root.querySelectorAll("[data-say]")) place.textContent = this.say(place.dataset.say);
    this.fill("heading").textContent = heading || this.say("task");
    this.part("label").textContent = this.say("asking");
    host.setAttribute("state", "loading");
    host.toggleAttribute("bare", !host.querySelector("[slot=empty]"));
    /** @type {Run | null} */
    this.run = null;
    this.lost = false;
    this.spoken = "";
    this.quarter = 0;
  }

  /** @param {string} name @returns {any} */
  part(name) {
    return this.root.querySelector(`[part="${name}"]`);
  }

  /** @param {string} name @returns {any} */
  fill(name) {
    return this.root.querySelector(`[data-fill="${name}"]`);
  }

  /** @param {string} key @param {Record<string, string>} [gaps] */
  say(key, gaps) {
    return this.words.say(key, gaps);
  }

  /** @param {Run} run */
  show(run) {
    if (this.run?.id !== run.id || this.run?.type !== run.type) this.begin(run);
    this.run = run;
    this.fill("number").textContent = this.say("number", { n: String(run.id) });
    this.showProgress(run);
    for (const name of /** @type {const} */ (["succeeded", "skipped", "failed"])) {
      this.part(name).textContent = this.words.number(run[name]);
    }
    this.part("failed").classList.toggle("some", run.failed > 0);
    this.part("failures").hidden = run.failed === 0;
    const asked = run.requested && run.status === "running" ? this.say(`asked.${run.requested}`) : "";
    this.part("message").textContent = asked || run.verdict.message;
    this.showWarnings(run.details.warnings ?? []);
    this.speak(run);
  }

  /** @param {string[]} warnings  what people should know of a run that goes on all the same */
  showWarnings(warnings) {
    this.part("warnings").replaceChildren(...warnings.map((warning) => element("li", warning)));
    this.part("warnings").hidden = warnings.length === 0;
  }

  /** @param {Run} run */
  begin(run) {
    this.quarter = quarterOf(run);
    this.spoken = this.run ? "" : run.verdict.code; // what stands there on arrival is read, not announced
    this.complain("");
    if (!this.run) return; // what was opened while the first answer was on its way stays open
    this.part("failures").open = false;
    this.part("why").open = false;
  }

  /** There is no run, or none that may be seen. */
  clear() {
    this.run = null;
    this.host.setAttribute("state", "none");
  }

  /** @param {Run} run */
  showProgress(run) {
    const { total, processed, progress_pct: percent } = run;
    const { words } = this;
    const tenths = percent === 100 ? 0 : 1; // always as many, so that nothing beside it moves
    this.part("percent").textContent =
      percent === null ? "" : words.number(percent / 100, { style: "percent", minimumFractionDigits: tenths });
    const done = words.number(processed);
    const begun = processed > 0 || run.status === "running";
    const count = total === null ? (begun ? this.say("done_so_far", { done }) : "") : this.say("of", { done, total: words.number(total) });
    this.part("count").textContent = count;
    this.part("rate").textContent =
      run.rate && run.status === "running"
        ? this.say("rate", { n: words.number(run.rate, { maximumSignificantDigits: 2 }) })
        : "–";
    this.host.toggleAttribute("no-total", percent === null);
    this.part("fill").style.inlineSize = percent === null ? "" : `${percent}%`;
    const bar = this.part("bar");
    if (percent === null) bar.removeAttribute("aria-valuenow");
    else bar.setAttribute("aria-valuenow", String(percent));
    bar.setAttribute("aria-valuetext", count);
  }

  /**
   * What changes with time alone. Called every second.
   * @param {number} age  seconds since the run was told of as it is shown
   * @param {number} silence  seconds since the server was last heard of
   * @param {boolean} lost  is its next word overdue?
   */
  tick(age, silence, lost) {
    const { run, words } = this;
    if (lost !== this.lost && isActive(run)) this.announce(this.say(lost ? "no_contact" : "contact"));
    this.lost = lost;
    this.host.toggleAttribute("lost", lost);
    if (!run) return;
    this.showLabel(run, age, lost);
    this.part("eta").textContent = lost ? "" : this.timeLeft(run, age);
    this.part("age").textContent = lost ? this.say("last_known", { ago: words.ago(silence) }) : this.lastSign(run, age);
    if (this.part("why").open) this.showEvidence(run, age);
  }

  /** @param {Run} run @param {number} age @param {boolean} lost */
  showLabel(run, age, lost) {
    const silence = (run.seconds_since_heartbeat ?? 0) + age;
    const unknown = lost && run.status === "running" && silence > run.stale_after_seconds;
    const code = unknown ? "unknown" : run.verdict.code;
    this.host.setAttribute("state", code);
    this.host.toggleAttribute("moving", MOVING.has(code) && !lost);
    this.part("label").textContent = unknown
      ? this.say("unknown")
      : lost && isActive(run)
        ? this.say("last_known_state", { state: run.verdict.label })
        : run.verdict.label;
  }

  /**
   * Between what the speed of the last seconds promises (the server's reckoning) and what the average since the
   * start does. All of it in the server's seconds; this page's clock only ages them.
   * @param {Run} run @param {number} age
   */
  timeLeft(run, age) {
    const wait = run.verdict.evidence.seconds_to_wait;
    if (run.verdict.code === "waiting" && wait - age > 0) return this.say("goes_on", { time: this.words.duration(wait - age) });
    if (run.eta_seconds === null || run.total === null || !run.processed || !run.started_at) return "";
    const elapsed = (Date.parse(run.server_now) - Date.parse(run.started_at)) / 1000;
    const average = ((run.total - run.processed) * elapsed) / run.processed;
    const ends = [run.eta_seconds - age, average - age].map((left) => Math.max(0, left)).sort((a, b) => a - b);
    return ends[1] > 0 ? this.words.timeLeft(ends[0], ends[1]) : "";
  }

  /** @param {Run} run @param {number} age */
  lastSign(run, age) {
    if (run.finished_at) return this.say("finished", { time: this.words.moment(run.finished_at) });
    if (run.status !== "running" || run.seconds_since_heartbeat === null) return "";
    return this.say("heartbeat", { ago: this.words.ago(run.seconds_since_heartbeat + age) });
  }

  /** @param {Run} run @param {number} age */
  showEvidence(run, age) {
    const { words } = this;
    const { code, evidence } = run.verdict;
    const limit = words.duration(run.stale_after_seconds);
    this.fill("why-is").textContent = this.say(`why_is.${code}`, { limit });
    this.fill("why-left").hidden = run.eta_seconds === null;
    const told = Object.entries(evidence).flatMap(([name, value]) => {
      if (value === null || value === "" || (run.status !== "running" && AGES.has(name) && run.status !== "failed")) return [];
      if (AGES.has(name)) return [[name, words.ago(value + age)]];
      if (name === "seconds_to_wait") return value > age ? [[name, words.duration(value - age)]] : [];
      return [[name, name === "stale_after_seconds" ? limit : String(value)]];
    });
    this.part("evidence").replaceChildren(
      ...told.flatMap(([name, value]) => [element("dt", words.sayOr(`evidence.${name}`, name)), element("dd", value)]),
    );
  }

  /** @param {any[]} events  newest first */
  showEvents(events) {
    const { words } = this;
    const rows = events.map((event) => {
      const row = document.createElement("li");
      const time = element("time", words.moment(event.at));
      time.setAttribute("datetime", event.at);
      const actor = event.actor && words.sayOr(`actors.${event.actor.kind}`, event.actor.kind);
      const reason = words.sayOr(`reasons.${event.reason}`, event.reason);
      const by = [actor, event.actor?.name].filter(Boolean).join(" ");
      row.append(element("strong", words.say(`status.${event.status}`)), time, element("span", [reason, by].filter(Boolean).join(" · ")));
      return row;
    });
    this.part("events").replaceChildren(...rows);
  }

  /** @param {any[]} items @param {boolean} more */
  showItems(items, more) {
    this.part("items").replaceChildren(...items.map((item) => itemRow(item, this.words)));
    this.part("items").hidden = items.length === 0;
    this.fill("failed-note").textContent =
      items.length === 0 ? this.say("nothing_failed") : more ? this.say("more", { n: this.words.number(items.length) }) : "";
  }

  /** @param {string[]} actions @param {boolean} busy */
  showActions(actions, busy) {
    const place = this.part("actions");
    const shown = [...place.children].map((button) => button.dataset.action).join();
    if (shown !== actions.join()) {
      const hadFocus = place.contains(this.root.activeElement);
      place.replaceChildren(...actions.map((action) => this.button(action)));
      if (hadFocus) place.firstElementChild?.focus();
    }
    for (const button of place.children) button.ariaDisabled = String(busy); // disabled, it would lose the focus
  }

  /** @param {string} action */
  button(action) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.action = action;
    button.part.add("button");
    button.textContent = this.say(`actions.${action}`);
    return button;
  }

  /** @param {string} words @param {HTMLElement[]} more */
  complain(words, ...more) {
    this.part("problem").replaceChildren(words, ...more);
    this.part("problem").hidden = !words;
  }

  /** @param {Run} run */
  speak(run) {
    const quarter = quarterOf(run);
    if (run.verdict.code !== this.spoken) this.announce(`${run.verdict.label}. ${run.verdict.message}`);
    else if (quarter > this.quarter) this.announce(this.say("percent", { n: this.words.number(quarter * 25) }));
    this.spoken = run.verdict.code;
    this.quarter = quarter;
  }

  /** @param {string} words */
  announce(words) {
    this.part("news").textContent = words;
  }
}

/** @param {Run} run */
const quarterOf = (run) => Math.floor((run.progress_pct ?? 0) / 25);

const MOMENT = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/;

/** Flags say nothing without their names. @param {Record<string, any>} item @param {import("./words.js").Words} words */
function itemRow(item, words) {
  const own = Object.entries(item).flatMap(([name, value]) =>
    COMMON_OF_ITEMS.has(name) || !value || value === true ? [] : [MOMENT.test(value) ? words.moment(value) : value],
  );
  const [title = item.key, ...rest] = own;
  const row = document.createElement("li");
  row.append(element("strong", title), element("span", rest.join(" · ")), element("p", item.error_message || item.error_code));
  return row;
}

/** @param {string} tag @param {unknown} words  maybe by strangers: never as markup, and in its own direction */
function element(tag, words) {
  const made = document.createElement(tag);
  made.appendChild(document.createElement("bdi")).textContent = String(words);
  return made;
}

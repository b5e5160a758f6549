/** The view of a card: the run as last received, and how long ago that was. It makes no requests. */

import { cardStyles } from "./card-styles.js";
import { Messages } from "./messages.js";

/**
 * The run as the API serializes it; see /api/schema/.
 * @typedef {{
 *   id: number, type: string, status: string, total: number|null, processed: number, succeeded: number,
 *   failed: number, skipped: number, progress_pct: number|null, eta_seconds: number|null, rate: number|null,
 *   started_at: string|null, finished_at: string|null, server_now: string, seconds_since_heartbeat: number|null,
 *   stale_after_seconds: number, attempt: number, version: number, requested: string, actions: string[],
 *   verdict: {code: string, label: string, message: string, evidence: Record<string, any>},
 *   details: Record<string, any>,
 * }} Run
 */

const ACTIVE = new Set(["queued", "running", "paused"]);
const MOVING = new Set(["working", "not_advancing", "quiet"]);
const AGES = new Set(["seconds_since_heartbeat", "seconds_since_progress"]);
const COMMON_ITEM_FIELDS = new Set(["id", "key", "status", "error_code", "error_message", "attempts"]);

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
      <div><dt data-message="succeeded"></dt><dd part="succeeded">–</dd></div>
      <div><dt data-message="skipped"></dt><dd part="skipped">–</dd></div>
      <div><dt data-message="failed_items"></dt><dd part="failed">–</dd></div>
      <div><dt data-message="speed"></dt><dd part="rate">–</dd></div>
    </dl>
    <div class="foot" part="actions"></div>
    <p class="problem" part="problem" role="alert" hidden></p>
    <details part="failures" hidden>
      <summary data-message="what_failed"></summary>
      <ul class="items" part="items" tabindex="0"></ul>
      <p class="soft"><span data-fill="failed-note"></span> <a part="csv" data-message="csv" download></a></p>
    </details>
    <details part="why">
      <summary data-message="why"></summary>
      <p data-fill="why-is"></p>
      <dl class="evidence" part="evidence"></dl>
      <p class="soft" data-message="why_left" data-fill="why-left"></p>
      <p class="soft" data-message="events"></p>
      <ol class="events" part="events"></ol>
    </details>
  </article>
  <div class="empty" part="empty"><slot name="empty"></slot></div>
  <p class="news" part="news" role="status" aria-live="polite"></p>`;

export class CardView {
  /** @param {HTMLElement} host @param {string} language @param {string} heading */
  constructor(host, language, heading) {
    this.host = host;
    this.messages = new Messages(language);
    this.root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    this.root.adoptedStyleSheets = [cardStyles];
    this.root.replaceChildren(template.content.cloneNode(true));
    for (const place of this.root.querySelectorAll("[data-message]")) {
      place.textContent = this.text(place.getAttribute("data-message") ?? "");
    }
    this.fill("heading").textContent = heading || this.text("task");
    this.part("label").textContent = this.text("loading");
    host.setAttribute("state", "loading");
    host.toggleAttribute("bare", !host.querySelector("[slot=empty]"));
    /** @type {Run | null} */
    this.run = null;
    this.lost = false;
    this.announcedCode = "";
    this.announcedQuarter = 0;
  }

  /** @param {string} name @returns {any} */
  part(name) {
    return this.root.querySelector(`[part="${name}"]`);
  }

  /** @param {string} name @returns {any} */
  fill(name) {
    return this.root.querySelector(`[data-fill="${name}"]`);
  }

  /** @param {string} key @param {Record<string, string>} [values] */
  text(key, values) {
    return this.messages.text(key, values);
  }

  /** @param {Run} run */
  show(run) {
    if (this.run?.id !== run.id || this.run?.type !== run.type) this.showNewRun(run);
    this.run = run;
    this.fill("number").textContent = this.text("number", { n: String(run.id) });
    this.showProgress(run);
    for (const name of /** @type {const} */ (["succeeded", "skipped", "failed"])) {
      this.part(name).textContent = this.messages.formatNumber(run[name]);
    }
    this.part("failed").classList.toggle("some", run.failed > 0);
    this.part("failures").hidden = run.failed === 0;
    const stopping = run.requested && run.status === "running" ? this.text(`stopping.${run.requested}`) : "";
    this.part("message").textContent = stopping || run.verdict.message;
    this.showWarnings(run.details.warnings ?? []);
    this.announceChange(run);
  }

  /** @param {string[]} warnings  of a run that goes on all the same */
  showWarnings(warnings) {
    this.part("warnings").replaceChildren(...warnings.map((warning) => createElement("li", warning)));
    this.part("warnings").hidden = warnings.length === 0;
  }

  /** @param {Run} run */
  showNewRun(run) {
    this.announcedQuarter = quarterOf(run);
    this.announcedCode = this.run ? "" : run.verdict.code; // a screen reader reads what the page opens with
    this.showProblem("");
    if (!this.run) return; // details opened before the first response stay open
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
    const { messages } = this;
    const tenths = percent === 100 ? 0 : 1; // a constant number of digits, so that nothing beside it moves
    this.part("percent").textContent =
      percent === null ? "" : messages.formatNumber(percent / 100, { style: "percent", minimumFractionDigits: tenths });
    const done = messages.formatNumber(processed);
    const hasBegun = processed > 0 || run.status === "running";
    const count =
      total === null
        ? hasBegun
          ? this.text("done_so_far", { done })
          : ""
        : this.text("of", { done, total: messages.formatNumber(total) });
    this.part("count").textContent = count;
    this.part("rate").textContent =
      run.rate && run.status === "running"
        ? this.text("rate", { n: messages.formatNumber(run.rate, { maximumSignificantDigits: 2 }) })
        : "–";
    this.host.toggleAttribute("no-total", percent === null);
    this.part("fill").style.inlineSize = percent === null ? "" : `${percent}%`;
    const bar = this.part("bar");
    if (percent === null) bar.removeAttribute("aria-valuenow");
    else bar.setAttribute("aria-valuenow", String(percent));
    bar.setAttribute("aria-valuetext", count);
  }

  /**
   * Show what changes with time alone. Called every second.
   * @param {number} age  seconds since the shown run was received
   * @param {number} contactAge  seconds since the last contact with the server
   * @param {boolean} lost  is the next response overdue?
   */
  tick(age, contactAge, lost) {
    const { run, messages } = this;
    if (lost !== this.lost && isActive(run)) this.announce(this.text(lost ? "no_contact" : "contact"));
    this.lost = lost;
    this.host.toggleAttribute("lost", lost);
    if (!run) return;
    this.showLabel(run, age, lost);
    this.part("eta").textContent = lost ? "" : this.timeLeftText(run, age);
    this.part("age").textContent = lost
      ? this.text("last_known", { ago: messages.formatAge(contactAge) })
      : this.heartbeatText(run, age);
    if (this.part("why").open) this.showEvidence(run, age);
  }

  /** @param {Run} run @param {number} age @param {boolean} lost */
  showLabel(run, age, lost) {
    const heartbeatAge = (run.seconds_since_heartbeat ?? 0) + age;
    const isUnknown = lost && run.status === "running" && heartbeatAge > run.stale_after_seconds;
    const code = isUnknown ? "unknown" : run.verdict.code;
    this.host.setAttribute("state", code);
    this.host.toggleAttribute("moving", MOVING.has(code) && !lost);
    this.part("label").textContent = isUnknown
      ? this.text("unknown")
      : lost && isActive(run)
        ? this.text("last_known_state", { state: run.verdict.label })
        : run.verdict.label;
  }

  /**
   * A range between the server's estimate, by the throughput of the last seconds, and the average since the start.
   * Both come from the server's times; the page's clock only ages them.
   * @param {Run} run @param {number} age
   */
  timeLeftText(run, age) {
    const wait = run.verdict.evidence.seconds_to_wait;
    if (run.verdict.code === "waiting" && wait - age > 0)
      return this.text("goes_on", { time: this.messages.formatDuration(wait - age) });
    if (run.eta_seconds === null || run.total === null || !run.processed || !run.started_at) return "";
    const elapsed = (Date.parse(run.server_now) - Date.parse(run.started_at)) / 1000;
    const average = ((run.total - run.processed) * elapsed) / run.processed;
    const ends = [run.eta_seconds - age, average - age].map((left) => Math.max(0, left)).sort((a, b) => a - b);
    return ends[1] > 0 ? this.messages.formatTimeLeft(ends[0], ends[1]) : "";
  }

  /** @param {Run} run @param {number} age */
  heartbeatText(run, age) {
    if (run.finished_at) return this.text("finished", { time: this.messages.formatTime(run.finished_at) });
    if (run.status !== "running" || run.seconds_since_heartbeat === null) return "";
    return this.text("heartbeat", { ago: this.messages.formatAge(run.seconds_since_heartbeat + age) });
  }

  /** @param {Run} run @param {number} age */
  showEvidence(run, age) {
    const { messages } = this;
    const { code, evidence } = run.verdict;
    const limit = messages.formatDuration(run.stale_after_seconds);
    this.fill("why-is").textContent = this.text(`why_is.${code}`, { limit });
    this.fill("why-left").hidden = run.eta_seconds === null;
    const rows = Object.entries(evidence).flatMap(([name, value]) => {
      if (value === null || value === "" || (run.status !== "running" && AGES.has(name) && run.status !== "failed"))
        return [];
      if (AGES.has(name)) return [[name, messages.formatAge(value + age)]];
      if (name === "waits_for") return []; // the message says it
      if (name === "running_of_limit") return [[name, this.limitText(value)]];
      if (name === "seconds_to_wait") return value > age ? [[name, messages.formatDuration(value - age)]] : [];
      return [[name, name === "stale_after_seconds" ? limit : String(value)]];
    });
    this.part("evidence").replaceChildren(
      ...rows.flatMap(([name, value]) => [
        createElement("dt", messages.textOr(`evidence.${name}`, name)),
        createElement("dd", value),
      ]),
    );
  }

  /** @param {{running: number, limit: number}} runs */
  limitText({ running, limit }) {
    return this.text("of", { done: this.messages.formatNumber(running), total: this.messages.formatNumber(limit) });
  }

  /** @param {any[]} events  newest first */
  showEvents(events) {
    const { messages } = this;
    const rows = events.map((event) => {
      const row = document.createElement("li");
      const time = createElement("time", messages.formatTime(event.at));
      time.setAttribute("datetime", event.at);
      const actor = event.actor && messages.textOr(`actors.${event.actor.kind}`, event.actor.kind);
      const reason = messages.textOr(`reasons.${event.reason}`, event.reason);
      const by = [actor, event.actor?.name].filter(Boolean).join(" ");
      row.append(
        createElement("strong", messages.text(`status.${event.status}`)),
        time,
        createElement("span", [reason, by].filter(Boolean).join(" · ")),
      );
      return row;
    });
    this.part("events").replaceChildren(...rows);
  }

  /** @param {any[]} items @param {boolean} more */
  showItems(items, more) {
    this.part("items").replaceChildren(...items.map((item) => itemRow(item, this.messages)));
    this.part("items").hidden = items.length === 0;
    this.fill("failed-note").textContent =
      items.length === 0
        ? this.text("nothing_failed")
        : more
          ? this.text("more", { n: this.messages.formatNumber(items.length) })
          : "";
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
    for (const button of place.children) button.ariaDisabled = String(busy); // the attribute `disabled` would take the focus away
  }

  /** @param {string} action */
  button(action) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.action = action;
    button.part.add("button");
    button.textContent = this.text(`actions.${action}`);
    return button;
  }

  /** @param {string} text @param {HTMLElement[]} more */
  showProblem(text, ...more) {
    this.part("problem").replaceChildren(text, ...more);
    this.part("problem").hidden = !text;
  }

  /** @param {Run} run */
  announceChange(run) {
    const quarter = quarterOf(run);
    if (run.verdict.code !== this.announcedCode) this.announce(`${run.verdict.label}. ${run.verdict.message}`);
    else if (quarter > this.announcedQuarter)
      this.announce(this.text("percent", { n: this.messages.formatNumber(quarter * 25) }));
    this.announcedCode = run.verdict.code;
    this.announcedQuarter = quarter;
  }

  /** To screen readers. @param {string} text */
  announce(text) {
    this.part("news").textContent = text;
  }
}

/** @param {Run} run */
const quarterOf = (run) => Math.floor((run.progress_pct ?? 0) / 25);

const MOMENT = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/;

/** Only texts and times: a bare true or false would mean nothing. @param {Record<string, any>} item @param {import("./messages.js").Messages} messages */
function itemRow(item, messages) {
  const own = Object.entries(item).flatMap(([name, value]) =>
    COMMON_ITEM_FIELDS.has(name) || !value || value === true
      ? []
      : [MOMENT.test(value) ? messages.formatTime(value) : value],
  );
  const [title = item.key, ...rest] = own;
  const row = document.createElement("li");
  row.append(
    createElement("strong", title),
    createElement("span", rest.join(" · ")),
    createElement("p", item.error_message || item.error_code),
  );
  return row;
}

/** @param {string} tag @param {unknown} text  maybe a stranger's: never as markup, and in its own direction */
function createElement(tag, text) {
  const element = document.createElement(tag);
  element.appendChild(document.createElement("bdi")).textContent = String(text);
  return element;
}

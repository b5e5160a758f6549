/** The view of a card: the run as last received, and how long ago that was. It makes no requests. */

import { CardActions } from "./card-actions.js";
import { CardDetails, createElement } from "./card-details.js";
import { cardStyles } from "./card-styles.js";
import { cardTemplate } from "./card-template.js";
import { Messages } from "./messages.js";
import { isActive, isImperfect, unknownOf } from "./run-json.js";

/** @typedef {import("./run-json.js").Run} Run */
/** @typedef {import("./run-json.js").About} About */

const MOVING = new Set(["working", "not_advancing", "quiet"]);

export class CardView {
  /** @param {HTMLElement} host @param {string} language @param {string} heading @param {string} [timeZone] */
  constructor(host, language, heading, timeZone) {
    this.host = host;
    this.messages = new Messages(language, timeZone);
    this.root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    this.root.adoptedStyleSheets = [cardStyles];
    this.root.replaceChildren(cardTemplate.content.cloneNode(true));
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
    this.actions = new CardActions(this.part("actions"), (action) => this.text(`actions.${action}`));
    this.details = new CardDetails(this.root, this.messages);
    /** @type {{actions: string[], working: string}} */
    this.offered = { actions: [], working: "" };
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
    this.showAbout(run);
    this.showProgress(run);
    this.showOutcomes(run);
    this.showMessage();
    this.showWarnings(run.details.warnings ?? []);
    this.announceChange(run);
  }

  /** What the run works on, how, and who started it. @param {Run} run */
  showAbout(run) {
    const { name, mode, started_by: starter } = aboutOf(run);
    const texts = [name, mode, starter && this.text("started_by", { name: starter })].filter(Boolean);
    this.part("about").replaceChildren(...texts.map((text) => createElement("span", text)));
    this.part("about").hidden = texts.length === 0;
  }

  /** They add up to what was processed. @param {Run} run */
  showOutcomes(run) {
    const unknown = unknownOf(run);
    const counts = { succeeded: run.succeeded, skipped: run.skipped, failed: run.failed, unknown };
    for (const [name, count] of Object.entries(counts)) {
      this.part(name).textContent = this.messages.formatNumber(count);
    }
    this.part("failed").classList.toggle("some", run.failed > 0);
    this.part("unknown").parentElement.hidden = unknown === 0;
    this.part("failures").hidden = run.failed === 0;
    this.host.toggleAttribute("imperfect", isImperfect(run));
    this.showResult(run);
  }

  /** A link to what the run has brought, where the page has named its address. @param {Run} run */
  showResult(run) {
    const address = this.host.getAttribute("results");
    const { result } = aboutOf(run);
    this.part("result").hidden = !address || !result;
    const link = this.part("result").querySelector("a");
    link.href = (address ?? "").replace("{id}", String(run.id));
    link.textContent = result ?? "";
  }

  showMessage() {
    const { run } = this;
    if (!run) return;
    const stopping = this.offered.working || (run.status === "running" ? run.requested : "");
    this.part("message").textContent =
      (stopping && this.messages.textOr(`stopping.${stopping}`, "")) || run.verdict.message;
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
    this.actions.forget();
    if (!this.run) return; // details opened before the first response stay open
    this.part("failures").open = false;
    this.part("why").open = false;
  }

  /** There is no run, or none that may be seen. */
  clear() {
    const hadFocus = this.root.activeElement !== null;
    this.run = null;
    this.host.setAttribute("state", "none");
    if (hadFocus) this.part("empty").focus();
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
    const unit = total === null ? "" : aboutOf(run).unit;
    this.part("count").textContent = [count, unit].filter(Boolean).join(" ");
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
    this.showSpeed(run, lost);
    this.renderActions();
    this.part("eta").textContent = lost ? "" : this.timeLeftText(run, age);
    this.part("age").textContent = lost
      ? this.text("last_known", { ago: messages.formatAge(contactAge) })
      : this.heartbeatText(run, age);
    this.part("contact").hidden = !lost || !isActive(run);
    if (this.part("why").open) this.details.showEvidence(run, age);
  }

  /** The present one while the run works and the server answers, and the average once it has ended. @param {Run} run @param {boolean} lost */
  showSpeed(run, lost) {
    const isRunning = run.status === "running";
    const rate = isRunning ? run.rate : isActive(run) ? null : aboutOf(run).average_rate;
    this.fill("speed").textContent = this.text(isActive(run) ? "speed" : "average_speed");
    this.part("rate").textContent =
      rate && !(lost && isRunning)
        ? this.text("rate", { n: this.messages.formatNumber(rate, { maximumSignificantDigits: 2 }) })
        : "–";
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
   * A range between the server's estimate, by the speed of this attempt, and the average since the start.
   * Both come from the server's times; the page's clock only ages them.
   * @param {Run} run @param {number} age
   */
  timeLeftText(run, age) {
    const wait = run.verdict.evidence.seconds_to_wait;
    if (run.verdict.code === "waiting" && wait - age > 0)
      return this.text("goes_on", { time: this.messages.formatDuration(wait - age) });
    if (run.eta_seconds === null || run.total === null || !run.processed || !run.started_at) return "";
    const elapsed = secondsBetween(run.started_at, run.server_now);
    const average = (run.total - run.processed) / (aboutOf(run).average_rate ?? run.processed / elapsed);
    const ends = [run.eta_seconds - age, average - age].map((left) => Math.max(0, left)).sort((a, b) => a - b);
    return ends[1] > 0 ? this.messages.formatTimeLeft(ends[0], ends[1]) : "";
  }

  /** @param {Run} run @param {number} age */
  heartbeatText(run, age) {
    if (run.finished_at) return this.endText(run, run.finished_at);
    const queued = run.verdict.evidence.seconds_in_queue ?? null;
    if (queued !== null) return this.text("waits_since", { time: this.messages.formatDuration(queued + age) });
    if (run.status !== "running" || run.seconds_since_heartbeat === null) return "";
    return this.text("heartbeat", { ago: this.messages.formatAge(run.seconds_since_heartbeat + age) });
  }

  /** @param {Run} run @param {string} finishedAt */
  endText(run, finishedAt) {
    const { messages } = this;
    const ended = this.text(`ended.${run.verdict.code}`, { time: messages.formatTime(finishedAt) });
    const { took } = aboutOf(run);
    return took ? `${ended} · ${this.text("took", { time: took })}` : ended;
  }

  /** @param {string[]} actions  that are allowed @param {string} [working]  the one that is under way */
  showActions(actions, working = "") {
    this.offered = { actions, working };
    this.showMessage();
    this.renderActions();
  }

  /** The focus stays on the card when the button that had it is gone. */
  renderActions() {
    const { run } = this;
    if (!run) return;
    const { actions, working } = this.offered;
    const place = this.part("actions");
    const hadFocus = place.contains(this.root.activeElement);
    const requested = run.status === "running" && run.requested === "cancel" ? "cancel" : "";
    this.actions.show(actions, { isActive: isActive(run), working: working || requested, isDisabled: this.lost });
    const pause = place.querySelector('[data-action="pause"]');
    if (pause && run.requested === "pause") pause.ariaBusy = pause.ariaDisabled = "true";
    if (hadFocus && !place.contains(this.root.activeElement)) this.focus();
  }

  focus() {
    this.part("card").focus();
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

/** @param {string} from @param {string} to  both of the server's clock */
const secondsBetween = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;

/** What the server says of the work beside its figures; nothing where it is older than this card. @param {Run} run @returns {About} */
const aboutOf = (run) => run.details.about ?? {};

/** @param {Run} run */
const quarterOf = (run) => Math.floor((run.progress_pct ?? 0) / 25);

/**
 * `<run-card type="receipt_sync" business="3">`: one run, followed as it advances; it never shows more than is known.
 *
 * Its attributes, events, parts and states are documented, and shown, by `/card/` (`templates/runs/card.html`). Without
 * `time-zone` it uses the `data-time-zone` of the page around it, or else the browser's.
 */

import { Api, ApiError, errorMessage } from "./api.js";
import { CardView } from "./card-view.js";
import { Poller } from "./poller.js";
import { isActive } from "./run-json.js";
import { subscribe } from "./run-stream.js";
import { loadStoredRun, removeStoredRun, storeRun } from "./storage.js";

/** @typedef {import("./run-json.js").Run} Run */

class RunCard extends HTMLElement {
  static observedAttributes = ["type", "business", "run-id", "api", "token", "lang", "time-zone", "heading"];

  /** @type {Run | null} */
  run = null;
  followedId = "";
  type = "";
  business = "";
  updatedAt = 0;
  working = ""; // the action whose response is awaited
  api = new Api();

  connectedCallback() {
    const read = (/** @type {string} */ name) => this.getAttribute(name) ?? "";
    const lang = read("lang") || this.closest("[lang]")?.getAttribute("lang") || document.documentElement.lang;
    const zone = read("time-zone") || document.body.dataset.timeZone;
    this.type = read("type");
    this.business = read("business");
    for (const child of [...this.children]) if (!child.slot) child.remove(); // what the server knew, for before the script
    const view = new CardView(this, lang, read("heading"), zone);
    this.view = view;
    this.api = new Api({ base: read("api") || "/api/", token: read("token"), lang: view.messages.language });
    this.fixedId = read("run-id");
    this.followedId ||= this.fixedId || this.loadStoredId();
    this.poller = new Poller({
      fetch: (signal) => this.fetchRun(signal),
      onResult: (run) => this.show(run),
      onError: (error) => this.showError(error),
      onTick: () => this.tick(),
      isActive,
      isBeating: (run) => run?.verdict.code === "working",
    });
    view.part("failures").addEventListener("toggle", () => void this.listFailures());
    view.part("why").addEventListener("toggle", () => void this.listEvents());
    view.part("actions").addEventListener("click", (/** @type {Event} */ event) => {
      const button = /** @type {HTMLButtonElement | null} */ (
        /** @type {HTMLElement} */ (event.target).closest("button")
      );
      if (button?.dataset.action === "cancel" && button.ariaDisabled !== "true") view.actions.confirmCancel();
      else if (button && button.ariaDisabled !== "true") void this.runAction(button.dataset.action ?? button.value);
    });
    if (this.api.token) {
      view.part("csv").addEventListener("click", (/** @type {Event} */ event) => void this.download(event));
    }
    this.poller.start();
    this.unsubscribe = subscribe(this.api, this.business, {
      onRun: (run) => this.receive(run),
      onCaughtUp: () => (this.isRefused ? this.poller?.pollNow() : this.poller?.streamCaughtUp()),
      onLost: () => this.poller?.streamLost(),
    });
  }

  disconnectedCallback() {
    this.poller?.stop();
    this.unsubscribe?.();
  }

  attributeChangedCallback() {
    if (!this.poller) return;
    this.disconnectedCallback();
    this.run = null;
    this.followedId = "";
    if (this.isConnected) this.connectedCallback();
  }

  /** Show this run now, and follow it. @param {Run} run */
  watch(run) {
    this.type = run.type;
    this.dismissedId = undefined;
    this.followedId = String(run.id);
    this.poller?.accept(run);
    this.poller?.pollNow();
  }

  // Which run is shown

  /** @param {AbortSignal} signal @returns {Promise<Run | null>} */
  async fetchRun(signal) {
    const followed = await this.fetchFollowed(signal);
    if (followed && (this.fixedId || isActive(followed))) return followed;
    const query = { business: this.business, type: this.type, page_size: 1 };
    const latest = (await this.api.get("runs/", query, signal)).results[0] ?? null;
    return followed && !isActive(latest) ? followed : latest;
  }

  /** @param {AbortSignal} signal @returns {Promise<Run | null>} */
  async fetchFollowed(signal) {
    if (!this.followedId) return null;
    try {
      return await this.api.get(`runs/${this.type}/${this.followedId}/`, {}, signal);
    } catch (error) {
      if (this.fixedId || !(error instanceof ApiError && error.status === 404)) throw error;
      this.followedId = "";
      return null;
    }
  }

  /** The stream sends all runs of the business. A card without `run-id` changes over to one that starts. @param {Run} run */
  receive(run) {
    if (!this.isRefused) this.poller?.streamCaughtUp();
    const other = run.type !== this.type || String(run.id) !== this.followedId;
    if (other && (run.type !== this.type || this.fixedId || isActive(this.run) || !isActive(run))) return;
    // A stream that is open outlives its session by some seconds: only a new response ends a refusal.
    if (this.isRefused) this.poller?.pollNow();
    else this.poller?.accept(run);
  }

  loadStoredId() {
    const id = String(loadStoredRun(this.business, this.type)?.taskId ?? "");
    return /^\d+$/.test(id) ? id : ""; // older versions stored a Celery task's name
  }

  /** @param {Run | null} run */
  store(run) {
    if (this.fixedId) return;
    if (run && isActive(run)) storeRun(this.business, run.type, run.id);
    else removeStoredRun(this.business, this.type);
  }

  // What is shown

  /** @param {Run | null} run */
  show(run) {
    if (run && this.run && run.id === this.run.id && run.version < this.run.version) return; // overtaken on its way
    if (this.isRefused) this.view?.showProblem("");
    this.isRefused = false;
    const shown = run && run.id === this.dismissedId && !isActive(run) ? null : run;
    const before = this.run;
    this.run = shown;
    this.store(shown);
    if (shown) {
      this.updatedAt = performance.now();
      this.followedId = String(shown.id);
      this.view?.show(shown);
      this.showActions();
      this.refreshDetails(shown, before);
    } else {
      this.view?.clear();
    }
    this.tick();
    this.emitChange(shown, before);
  }

  /** @param {Run | null} run @param {Run | null} before */
  emitChange(run, before) {
    const same = run?.id === before?.id;
    if (!run || (same && run.version === before?.version && run.verdict.code === before?.verdict.code)) return;
    this.emit("run:change", run);
    if (same && isActive(before) && !isActive(run)) this.emit("run:finish", run);
  }

  /** @param {string} name @param {Run} detail */
  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  tick() {
    if (!this.poller) return;
    const age = (performance.now() - this.updatedAt) / 1000;
    this.view?.tick(age, this.poller.age, this.poller.isLate);
  }

  /** @param {unknown} error */
  showError(error) {
    const status = error instanceof ApiError ? error.status : 0;
    this.isRefused ||= [401, 403, 404].includes(status);
    if (status === 401 || status === 403) this.showSignIn();
    if (status === 404) this.view?.showProblem(this.view.text("not_found"));
    this.tick();
  }

  showSignIn() {
    const { view } = this;
    if (!view) return;
    if (this.getAttribute("token")) return view.showProblem(view.text("signed_out"));
    const link = document.createElement("a");
    const page = encodeURIComponent(location.pathname + location.search);
    link.href = `${this.getAttribute("login") ?? "/login/"}?next=${page}`;
    link.textContent = view.text("sign_in");
    view.showProblem(`${view.text("signed_out")} `, link);
  }

  // Actions

  showActions() {
    const { run } = this;
    if (!run) return;
    const canDismiss = !isActive(run) && !this.hasAttribute("lasting");
    this.view?.showActions(canDismiss ? [...run.actions, "dismiss"] : run.actions, this.working);
  }

  /** @param {string} action */
  async runAction(action) {
    const { run, api, view } = this;
    if (!run || !view || this.working || action === "keep") return;
    if (action === "dismiss") return this.dismiss(run);
    this.working = action;
    this.showActions();
    view.showProblem("");
    try {
      this.showResult(await api.post(`runs/${run.type}/${run.id}/${action}/`));
    } catch (error) {
      if (error instanceof ApiError && error.run && this.mayShow(error.run)) this.watch(error.run);
      view.showProblem(errorMessage(error, view.messages));
    } finally {
      this.working = "";
      this.showActions();
    }
  }

  /** Retrying failed items starts another run. A card with `run-id` leaves that one to its page. @param {Run} run */
  showResult(run) {
    if (this.mayShow(run)) return this.watch(run);
    this.poller?.pollNow();
    this.emit("run:start", run);
  }

  /** @param {Run} run */
  mayShow(run) {
    return !this.fixedId || this.fixedId === String(run.id);
  }

  /** @param {Run} run */
  dismiss(run) {
    this.dismissedId = run.id;
    this.show(null);
    this.emit("run:dismiss", run);
  }

  // Details that are opened

  /** @param {Run} run @param {Run | null} before */
  refreshDetails(run, before) {
    const csv = { status: "failed", format: "csv" };
    const { view, api } = this;
    if (!view) return;
    view.part("csv").href = api.url(`runs/${run.type}/${run.id}/items/`, csv);
    if (run.failed !== before?.failed) void this.listFailures();
    if (run.status !== before?.status || run.attempt !== before?.attempt) void this.listEvents();
  }

  async listFailures() {
    const { run, view, api } = this;
    if (!run || !view || !view.part("failures").open) return;
    try {
      const page = await api.get(`runs/${run.type}/${run.id}/items/`, { status: "failed" });
      view.details.showItems(page.results, Boolean(page.next));
    } catch {
      view.fill("failed-note").textContent = view.text("failed");
    }
  }

  /** A link can't send a token, so the file is fetched. @param {Event} event */
  async download(event) {
    event.preventDefault();
    const { view, api, run } = this;
    if (!view || !run) return;
    const response = await api.fetch(view.part("csv").href, {}).catch(() => null);
    if (!response?.ok) return view.showProblem(view.text("failed"));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = `${run.type}-${run.id}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  async listEvents() {
    const { run, view, api } = this;
    if (!run || !view || !view.part("why").open) return;
    this.tick();
    try {
      const page = await api.get(`runs/${run.type}/${run.id}/events/`, { order: "newest", page_size: 8 });
      view.details.showEvents(page.results);
    } catch {
      view.details.showEvents([]);
    }
  }
}

customElements.define("run-card", RunCard);

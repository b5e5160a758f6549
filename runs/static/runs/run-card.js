/**
 * `<run-card type="receipt_sync" business="3">`: a run, live, and never more than is known of it.
 *
 * Attributes: `type` and `business`; `run-id` for one run, otherwise the one this browser watches, or else the
 * business's latest of the type; `api` ("/api/"), `token` (without it the page's session), `lang`, `heading`,
 * `login` ("/login/": where a lost session is renewed). A child with `slot="empty"` stands where there is no run.
 * Events, bubbling, with the run's JSON as `detail`: `run:change`, `run:finish`, `run:dismiss`.
 * Its state, for styles: `state` (the verdict's code, "loading", "unknown" or "none"), `moving`, `lost`, `no-total`.
 */

import { Api, Refusal } from "./api.js";
import { Face, isActive } from "./card-face.js";
import { forget, recall, remember } from "./memory.js";
import { Poll } from "./poll.js";
import { listen } from "./stream.js";

/** @typedef {import("./card-face.js").Run} Run */

class RunCard extends HTMLElement {
  static observedAttributes = ["type", "business", "run-id", "api", "token", "lang", "heading"];

  /** @type {Run | null} */
  run = null;
  followed = "";
  type = "";
  business = "";

  connectedCallback() {
    const said = (/** @type {string} */ name) => this.getAttribute(name) ?? "";
    const lang = said("lang") || this.closest("[lang]")?.getAttribute("lang") || document.documentElement.lang;
    this.type = said("type");
    this.business = said("business");
    this.face = new Face(this, lang, said("heading"));
    this.api = new Api({ base: said("api") || "/api/", token: said("token"), lang: this.face.words.language });
    this.fixed = said("run-id");
    this.followed ||= this.fixed || this.remembered();
    this.poll = new Poll({
      ask: (signal) => this.ask(signal),
      onAnswer: (run) => this.show(run),
      onSilence: (error) => this.showSilence(error),
      onTick: () => this.tick(),
      isActive,
      beats: (run) => run?.verdict.code === "working",
    });
    this.face.part("failures").addEventListener("toggle", () => void this.listFailures());
    this.face.part("why").addEventListener("toggle", () => void this.explain());
    this.face.part("actions").addEventListener("click", (/** @type {Event} */ event) => {
      const button = /** @type {HTMLElement} */ (event.target).closest("button");
      if (button) void this.act(button.dataset.action ?? "");
    });
    if (this.api.token) this.face.part("csv").addEventListener("click", (/** @type {Event} */ event) => void this.download(event));
    this.poll.start();
    this.unlisten = listen(this.api, this.business, {
      hear: (run) => this.hear(run),
      allTold: () => this.poll?.streamed(),
      lost: () => this.poll?.unstreamed(),
    });
  }

  disconnectedCallback() {
    this.poll?.stop();
    this.unlisten?.();
  }

  attributeChangedCallback() {
    if (!this.poll) return;
    this.disconnectedCallback();
    this.run = null;
    this.followed = "";
    if (this.isConnected) this.connectedCallback();
  }

  /** Show this run now, and follow it. @param {Run} run */
  watch(run) {
    this.type = run.type;
    this.dismissed = undefined;
    this.followed = String(run.id);
    this.poll?.accept(run);
    this.poll?.now();
  }

  // What is asked

  /** @param {AbortSignal} signal @returns {Promise<Run | null>} */
  async ask(signal) {
    const known = await this.askFollowed(signal);
    if (known && (this.fixed || isActive(known))) return known;
    const query = { business: this.business, type: this.type, page_size: 1 };
    const latest = (await this.api.get("runs/", query, signal)).results[0] ?? null;
    return known && !isActive(latest) ? known : latest;
  }

  /** @param {AbortSignal} signal @returns {Promise<Run | null>} */
  async askFollowed(signal) {
    if (!this.followed) return null;
    try {
      return await this.api.get(`runs/${this.type}/${this.followed}/`, {}, signal);
    } catch (error) {
      if (this.fixed || !(error instanceof Refusal && error.status === 404)) throw error;
      this.followed = "";
      return null;
    }
  }

  /** What the stream tells of one run or another. @param {Run} run */
  hear(run) {
    this.poll?.streamed();
    const other = run.type !== this.type || String(run.id) !== this.followed;
    if (other && (run.type !== this.type || this.fixed || isActive(this.run) || !isActive(run))) return;
    this.poll?.accept(run);
  }

  remembered() {
    const id = String(recall(this.business, this.type)?.taskId ?? "");
    return /^\d+$/.test(id) ? id : ""; // older versions kept a worker's task by its name
  }

  // What is shown

  /** @param {Run | null} run */
  show(run) {
    if (run && this.run && run.id === this.run.id && run.version < this.run.version) return; // overtaken on the way
    if (this.unheard) this.face?.complain("");
    this.unheard = false;
    if (run && run.id === this.dismissed && !isActive(run)) run = null;
    const before = this.run;
    this.run = run;
    this.keep(run);
    if (run) {
      this.toldAt = performance.now();
      this.followed = String(run.id);
      this.face?.show(run);
      this.showActions();
      this.refreshOpen(run, before);
    } else {
      this.face?.clear();
    }
    this.tick();
    this.tell(run, before);
  }

  /** @param {Run | null} run */
  keep(run) {
    if (this.fixed) return;
    if (run && isActive(run)) remember(this.business, run.type, run.id);
    else forget(this.business, this.type);
  }

  /** @param {Run | null} run @param {Run | null} before */
  tell(run, before) {
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
    if (!this.poll) return;
    const age = (performance.now() - (this.toldAt ?? 0)) / 1000;
    this.face?.tick(age, this.poll.age, this.poll.isLate);
  }

  /** @param {unknown} error */
  showSilence(error) {
    const status = error instanceof Refusal ? error.status : 0;
    this.unheard ||= [401, 403, 404].includes(status);
    if (status === 401 || status === 403) this.askToSignIn();
    if (status === 404) this.face?.complain(this.face.say("not_found"));
    this.tick();
  }

  askToSignIn() {
    const { face } = this;
    if (!face) return;
    if (this.getAttribute("token")) return face.complain(face.say("signed_out"));
    const link = document.createElement("a");
    link.href = `${this.getAttribute("login") ?? "/login/"}?next=${encodeURIComponent(location.pathname + location.search)}`;
    link.textContent = face.say("sign_in");
    face.complain(`${face.say("signed_out")} `, link);
  }

  // What can be done

  showActions() {
    const { run } = this;
    if (!run) return;
    this.face?.showActions(isActive(run) ? run.actions : [...run.actions, "dismiss"], Boolean(this.busy));
  }

  /** @param {string} action */
  async act(action) {
    const { run, api, face } = this;
    if (!run || !api || !face || this.busy) return;
    if (action === "dismiss") return this.dismiss(run);
    this.busy = true;
    this.showActions();
    face.complain("");
    try {
      this.watch(await api.post(`runs/${run.type}/${run.id}/${action}/`));
    } catch (error) {
      if (error instanceof Refusal && error.run) this.watch(error.run);
      face.complain((error instanceof Refusal && error.message) || face.say("failed"));
    } finally {
      this.busy = false;
      this.showActions();
    }
  }

  /** @param {Run} run */
  dismiss(run) {
    this.dismissed = run.id;
    this.show(null);
    this.emit("run:dismiss", run);
  }

  // What is opened

  /** @param {Run} run @param {Run | null} before */
  refreshOpen(run, before) {
    const csv = { status: "failed", format: "csv" };
    const { face, api } = this;
    if (!face || !api) return;
    face.part("csv").href = api.url(`runs/${run.type}/${run.id}/items/`, csv);
    if (run.failed !== before?.failed) void this.listFailures();
    if (run.status !== before?.status || run.attempt !== before?.attempt) void this.explain();
  }

  async listFailures() {
    const { run, face, api } = this;
    if (!run || !face || !api || !face.part("failures").open) return;
    try {
      const page = await api.get(`runs/${run.type}/${run.id}/items/`, { status: "failed" });
      face.showItems(page.results, Boolean(page.next));
    } catch {
      face.fill("failed-note").textContent = face.say("failed");
    }
  }

  /** A link can't carry a token. @param {Event} event */
  async download(event) {
    event.preventDefault();
    const { face, api, run } = this;
    if (!face || !api || !run) return;
    const response = await api.fetch(face.part("csv").href, {}).catch(() => null);
    if (!response?.ok) return face.complain(face.say("failed"));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = `${run.type}-${run.id}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  async explain() {
    const { run, face, api } = this;
    if (!run || !face || !api || !face.part("why").open) return;
    this.tick();
    try {
      const page = await api.get(`runs/${run.type}/${run.id}/events/`, { order: "newest", page_size: 8 });
      face.showEvents(page.results);
    } catch {
      face.showEvents([]);
    }
  }
}

customElements.define("run-card", RunCard);

/** A form that starts a run: one run however often it is submitted, and what was typed stays when it fails. */

import { Api, ApiError, errorMessage, newIdempotencyKey } from "./api.js";
import { pageMessages } from "./messages.js";

/** @typedef {(form: FormData) => object} BuildBody  the request's body, of what the form contains */

export class StartForm {
  /**
   * @param {HTMLFormElement} form  with a place `data-start-problem` and, for an exclusive run type, `data-start-busy`;
   *   it dispatches `run:start`, bubbling, with the run's JSON as its `detail`
   * @param {object} options
   * @param {string} options.url  absolute, or below the API's base
   * @param {BuildBody} options.buildBody
   * @param {string} [options.exclusiveType]  the run type of which one run at a time may be active
   * @param {AbortSignal | null} [options.signal]  null for a start that may take as long as it needs
   */
  constructor(form, { url, buildBody, exclusiveType, signal }) {
    this.form = form;
    this.url = url;
    this.buildBody = buildBody;
    this.signal = signal;
    this.api = new Api({ lang: document.documentElement.lang });
    this.buttons = form.querySelectorAll("button");
    this.isBusy = false;
    this.news = form.appendChild(document.createElement("p")); // for screen readers
    this.news.className = "sr-only";
    this.news.role = "status";
    this.note = /** @type {HTMLElement | null} */ (form.querySelector("[data-start-busy]"));
    this.isOtherActive = false;
    this.renewKey();
    // Any card of this page may show the active run that the form waits for.
    document.addEventListener("run:change", (event) => {
      const run = /** @type {CustomEvent} */ (event).detail;
      if (run.type === exclusiveType) this.waitForOther(run.finished_at === null);
    });
  }

  /**
   * The key stays the same until the server has answered with the run. An error doesn't prove that nothing was started:
   * a proxy may have given up waiting, and sent again with another key the start would start a second run.
   */
  renewKey() {
    this.key = newIdempotencyKey();
  }

  startOnSubmit() {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.start();
    });
  }

  start() {
    return this.whileBusy(async () => {
      try {
        const body = this.buildBody(new FormData(this.form));
        this.dispatchStart(await this.api.post(this.url, body, { "Idempotency-Key": this.key ?? "" }, this.signal));
      } catch (error) {
        if (error instanceof ApiError && error.run) this.dispatchStart(error.run);
        throw error;
      }
    });
  }

  /** @param {any} run */
  dispatchStart(run) {
    this.renewKey();
    this.form.dispatchEvent(new CustomEvent("run:start", { detail: run, bubbles: true }));
  }

  /** Run the action with the buttons disabled, and show what it fails with. @param {() => Promise<void>} action */
  async whileBusy(action) {
    if (this.isBusy || this.isOtherActive) return;
    this.isBusy = true;
    this.showButtons();
    this.showProblem("");
    try {
      await action();
    } catch (error) {
      this.showProblem(errorMessage(error));
    } finally {
      this.isBusy = false;
      this.showButtons();
    }
  }

  /** @param {boolean} isActive  is another run of this exclusive type active? */
  waitForOther(isActive) {
    this.isOtherActive = isActive;
    if (this.note) this.note.hidden = !isActive;
    this.showButtons();
  }

  /** They are busy, or wait for the other run. The attribute `disabled` would take the focus away. */
  showButtons() {
    for (const button of this.buttons) {
      button.ariaDisabled = String(this.isBusy || this.isOtherActive);
      button.ariaBusy = String(this.isBusy);
    }
    this.news.textContent = this.isBusy ? pageMessages.text("starting") : "";
  }

  /** @param {string} text */
  showProblem(text) {
    showProblem(this.form, text);
  }
}

/** @param {ParentNode} container  with a place `data-start-problem` @param {string} text */
export function showProblem(container, text) {
  const place = /** @type {HTMLElement} */ (container.querySelector("[data-start-problem]"));
  place.textContent = text;
  place.hidden = !text;
}

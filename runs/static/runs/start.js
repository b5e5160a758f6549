/** A form that starts a run: once however often it is sent, and with what was typed kept when it fails. */

import { Api, freshKey, Refusal } from "./api.js";
import { words } from "./words.js";

/**
 * @param {HTMLFormElement} form  with places `data-start-problem` and, where one run at a time may be active,
 *   `data-start-busy`; it sends `run:start`, bubbling, with the run's JSON as its `detail`
 * @param {object} options
 * @param {string} options.path  below the API's base
 * @param {(said: FormData) => object} options.body
 */
export function startForm(form, { path, body }) {
  const api = new Api({ lang: document.documentElement.lang });
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button:not([type=button])"));
  const problem = /** @type {HTMLElement} */ (form.querySelector("[data-start-problem]"));
  const note = /** @type {HTMLElement | null} */ (form.querySelector("[data-start-busy]"));
  let key = freshKey(); // the same until answered: a start that is sent twice starts one run

  /** @param {string} words */
  function complain(words) {
    problem.textContent = words;
    problem.hidden = !words;
  }

  /** @param {boolean} busy @param {boolean} [wait]  is it another run that is waited for? */
  function setBusy(busy, wait = busy) {
    button.disabled = busy;
    if (note) note.hidden = !wait;
  }

  async function start() {
    setBusy(true, false);
    complain("");
    try {
      started(await api.post(path, body(new FormData(form)), { "Idempotency-Key": key }));
    } catch (error) {
      if (error instanceof Refusal && error.run) started(error.run);
      else if (error instanceof Refusal) key = freshKey();
      complain((error instanceof Refusal && error.message) || words.say("failed"));
    } finally {
      if (note?.hidden ?? true) setBusy(false);
    }
  }

  /** @param {any} run */
  function started(run) {
    key = freshKey();
    form.dispatchEvent(new CustomEvent("run:start", { detail: run, bubbles: true }));
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void start();
  });
  return { setBusy };
}

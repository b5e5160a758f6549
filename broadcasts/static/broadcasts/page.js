/** The page of broadcasts: a start is handed to the card, and the lists follow what the card is told. */

import "../runs/run-card.js";
import { Refusal } from "../runs/api.js";
import { keepFresh } from "../runs/live.js";
import { localTimes, words } from "../runs/words.js";
import { post } from "./start.js";

const page = /** @type {HTMLElement} */ (document.getElementById("broadcasts-page"));
const card = /** @type {any} */ (page.querySelector("run-card"));
const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("retry-unknown"));
const refreshLists = keepFresh(`${page.dataset.foundUrl}${location.search}`);

page.addEventListener("run:start", (event) => show(/** @type {CustomEvent} */ (event).detail));
page.addEventListener("run:change", (event) => {
  const run = /** @type {CustomEvent} */ (event).detail;
  refreshLists(`${run.id}:${run.version}`, run.finished_at === null);
});

/** The page of this broadcast, whose recipients it lists. @param {any} run */
function show(run) {
  if (location.search) location.search = `?run=${run.id}`;
  else card.watch(run);
}

// Sending again to those of whom nobody knows

page.addEventListener("click", (event) => {
  const button = /** @type {HTMLElement} */ (event.target).closest("[data-retry-unknown]");
  if (!button) return;
  dialog.dataset.url = /** @type {HTMLElement} */ (button).dataset.retryUnknown;
  complain("");
  dialog.showModal();
});

/** @type {HTMLElement} */ (dialog.querySelector("[data-confirm]")).addEventListener("click", () => void retry());

async function retry() {
  try {
    const body = JSON.stringify({ confirm: true });
    const run = await post(document, dialog.dataset.url ?? "", body, { "Content-Type": "application/json" });
    location.search = `?run=${run.id}`;
  } catch (error) {
    complain((error instanceof Refusal && error.message) || words.say("failed"));
  }
}

/** @param {string} words */
function complain(words) {
  const place = /** @type {HTMLElement} */ (dialog.querySelector("[data-start-problem]"));
  place.textContent = words;
  place.hidden = !words;
}

localTimes(page);

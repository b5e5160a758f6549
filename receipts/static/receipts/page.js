/** The receipts page: a start is handed to the card, and the lists follow what the card is told. */

import "../runs/run-card.js";
import "./start.js";
import { keepFresh } from "../runs/live.js";
import { localTimes } from "../runs/words.js";

const page = /** @type {HTMLElement} */ (document.getElementById("receipts-page"));
const card = /** @type {any} */ (page.querySelector("run-card"));
const refreshLists = keepFresh(`${page.dataset.foundUrl}${location.search}`);

page.addEventListener("run:start", (event) => card.watch(/** @type {CustomEvent} */ (event).detail));
page.addEventListener("run:change", (event) => {
  const run = /** @type {CustomEvent} */ (event).detail;
  refreshLists(`${run.id}:${run.version}`, run.finished_at === null);
});
localTimes(page);

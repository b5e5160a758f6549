/** The page of one run: its lists follow what the card is told. */

import "./run-card.js";
import { keepFresh } from "./live.js";
import { localTimes } from "./words.js";

const page = /** @type {HTMLElement} */ (document.getElementById("run-page"));
const refresh = keepFresh(location.pathname);

page.addEventListener("run:change", (event) => {
  const run = /** @type {CustomEvent} */ (event).detail;
  refresh(`${run.id}:${run.version}`, run.finished_at === null);
});
localTimes(page);

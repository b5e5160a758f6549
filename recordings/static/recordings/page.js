/** The recordings page: a start is handed to the card, the list follows it, and one player plays what is chosen. */

import "../runs/run-card.js";
import "./start.js";
import { keepFresh } from "../runs/live.js";
import { localTimes } from "../runs/words.js";
import { Player } from "./player.js";

const page = /** @type {HTMLElement} */ (document.getElementById("recordings-page"));
const card = /** @type {any} */ (page.querySelector("run-card"));
const refreshList = keepFresh(`${page.dataset.foundUrl}${location.search}`);
const player = new Player(/** @type {HTMLElement} */ (document.getElementById("player")));

page.addEventListener("run:start", (event) => card.watch(/** @type {CustomEvent} */ (event).detail));
page.addEventListener("run:change", (event) => {
  const run = /** @type {CustomEvent} */ (event).detail;
  showNow(run);
  refreshList(`${run.id}:${run.version}`, run.finished_at === null);
});
page.addEventListener("click", (event) => {
  const button = /** @type {HTMLElement} */ (event.target).closest("[data-call]");
  if (button) void player.open(/** @type {HTMLElement} */ (button).dataset, foundWords(button));
});

/** As the call says them, in whatever form. @param {Element} button */
function foundWords(button) {
  const marks = button.closest("li")?.querySelectorAll("mark") ?? [];
  return [...marks].map((mark) => mark.textContent).join(" ");
}

/** The one call that is being worked on: a long one moves here while the count stands still. @param {any} run */
function showNow({ status, details }) {
  const now = /** @type {HTMLElement} */ (page.querySelector("[data-now]"));
  now.hidden = status !== "running" || !details.current;
  /** @type {HTMLElement} */ (now.querySelector("[data-now-call]")).textContent = details.current;
  /** @type {HTMLProgressElement} */ (now.querySelector("progress")).value = details.current_pct ?? 0;
}

localTimes(page);

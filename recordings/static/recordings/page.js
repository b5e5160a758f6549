/** The recordings page: its card follows a started run, the list follows the card, and one player plays the calls. */

import "../runs/run-card.js";
import "./start.js";
import { followCards } from "../runs/live-parts.js";
import { Player } from "./player.js";

const page = /** @type {HTMLElement} */ (document.getElementById("recordings-page"));
const card = /** @type {any} */ (page.querySelector("run-card"));
const player = new Player(/** @type {HTMLElement} */ (document.getElementById("player")));

followCards(page, `${page.dataset.foundUrl}${location.search}`);
page.addEventListener("run:start", (event) => card.watch(/** @type {CustomEvent} */ (event).detail));
page.addEventListener("run:change", (event) => showCurrentCall(/** @type {CustomEvent} */ (event).detail));
page.addEventListener("click", (event) => {
  const button = /** @type {HTMLElement} */ (event.target).closest("[data-call]");
  if (button) void player.open(/** @type {HTMLElement} */ (button).dataset, highlightedText(button));
});

/** What the search matched, in the call's own spelling. @param {Element} button */
function highlightedText(button) {
  const marks = button.closest("li")?.querySelectorAll("mark") ?? [];
  return [...marks].map((mark) => mark.textContent).join(" ");
}

/** A long call advances here while the run's count doesn't change. @param {any} run */
function showCurrentCall({ status, details }) {
  const place = /** @type {HTMLElement} */ (page.querySelector("[data-now]"));
  place.hidden = status !== "running" || !details.current;
  /** @type {HTMLElement} */ (place.querySelector("[data-now-call]")).textContent = details.current;
  /** @type {HTMLProgressElement} */ (place.querySelector("progress")).value = details.current_pct ?? 0;
}

/** A business's start page: a card for each active run, and for every run that starts while the page is open. */

import "./run-card.js";
import { refreshOnNewStatus } from "./live-parts.js";
import { followRuns } from "./live-rows.js";
import { isActive } from "./run-json.js";

const home = /** @type {HTMLElement} */ (document.getElementById("home"));
const active = /** @type {HTMLElement} */ (document.getElementById("active"));
const emptyNote = /** @type {HTMLElement} */ (document.getElementById("nothing-active"));
const moreNote = /** @type {HTMLElement} */ (document.getElementById("more-active"));
const refreshLists = refreshOnNewStatus(home, location.pathname);

home.addEventListener("run:start", (event) => {
  const card = showCard(/** @type {CustomEvent} */ (event).detail);
  card.scrollIntoView({ block: "nearest" });
});
home.addEventListener("run:dismiss", (event) => {
  /** @type {HTMLElement} */ (event.target).remove();
  showEmptyNote();
  active.focus({ preventScroll: true }); // it went with the card
});
followRuns(home, home.dataset.business ?? "", (run) => {
  refreshLists(run);
  if (isActive(run) && !findCard(run)) showStartedElsewhere(run); // by the API, or in another tab
});

/** @param {any} run */
const findCard = (run) => active.querySelector(`run-card[type="${run.type}"][run-id="${run.id}"]`);

/** @param {any} run */
function showCard(run) {
  const card = /** @type {any} */ (findCard(run) ?? addCard(run));
  card.watch(run);
  showEmptyNote();
  return card;
}

/** There may be thousands of them. @param {any} run */
function showStartedElsewhere(run) {
  const hasRoom = active.querySelectorAll("run-card").length < Number(home.dataset.activeShown);
  if (hasRoom) showCard(run);
  else moreNote.hidden = false;
}

/** @param {any} run */
function addCard(run) {
  const card = document.createElement("run-card");
  card.setAttribute("type", run.type);
  card.setAttribute("business", run.business_id);
  card.setAttribute("run-id", run.id);
  const type = /** @type {HTMLElement | null} */ (home.querySelector(`[data-heading="${run.type}"]`));
  card.setAttribute("heading", type?.textContent ?? "");
  card.setAttribute("results", type?.dataset.results ?? "");
  active.querySelector("h2")?.after(card);
  return card;
}

function showEmptyNote() {
  emptyNote.hidden = active.querySelector("run-card") !== null;
}

showEmptyNote();

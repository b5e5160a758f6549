/** A business's start page: a card for each active run, and for every run that starts while the page is open. */

import "./run-card.js";
import { refreshLiveParts } from "./live-parts.js";
import { localizeTimes } from "./messages.js";

const home = /** @type {HTMLElement} */ (document.getElementById("home"));
const active = /** @type {HTMLElement} */ (document.getElementById("active"));
const emptyNote = /** @type {HTMLElement} */ (document.getElementById("nothing-active"));
const refreshLists = refreshLiveParts(location.pathname);

home.addEventListener("run:start", (event) => showCard(/** @type {CustomEvent} */ (event).detail));
home.addEventListener("run:dismiss", (event) => {
  /** @type {HTMLElement} */ (event.target).remove();
  showEmptyNote();
});
home.addEventListener("run:change", (event) => {
  const run = /** @type {CustomEvent} */ (event).detail;
  refreshLists(`${run.type} ${run.id} ${run.status}`, false);
});

/** @param {any} run */
function showCard(run) {
  const selector = `run-card[type="${run.type}"][run-id="${run.id}"]`;
  const card = /** @type {any} */ (active.querySelector(selector) ?? addCard(run));
  card.watch(run);
  showEmptyNote();
  card.scrollIntoView({ block: "nearest" });
}

/** @param {any} run */
function addCard(run) {
  const card = document.createElement("run-card");
  card.setAttribute("type", run.type);
  card.setAttribute("business", run.business_id);
  card.setAttribute("run-id", run.id);
  card.setAttribute("heading", home.querySelector(`[data-heading="${run.type}"]`)?.textContent ?? "");
  active.querySelector("h2")?.after(card);
  return card;
}

function showEmptyNote() {
  emptyNote.hidden = active.querySelector("run-card") !== null;
}

showEmptyNote();
localizeTimes(home);

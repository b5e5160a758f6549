/** A business's start page: a card for each active run, also for those that begin while it is open. */

import "./run-card.js";
import { keepFresh } from "./live.js";
import { localTimes } from "./words.js";

const home = /** @type {HTMLElement} */ (document.getElementById("home"));
const active = /** @type {HTMLElement} */ (document.getElementById("active"));
const nothing = /** @type {HTMLElement} */ (document.getElementById("nothing-active"));
const refreshLists = keepFresh(location.pathname);

home.addEventListener("run:start", (event) => void showCard(/** @type {CustomEvent} */ (event).detail));
home.addEventListener("run:dismiss", (event) => {
  /** @type {HTMLElement} */ (event.target).remove();
  showIfNothing();
});
home.addEventListener("run:change", (event) => {
  const run = /** @type {CustomEvent} */ (event).detail;
  refreshLists(`${run.type} ${run.id} ${run.status}`, false);
});

/** @param {any} run */
function showCard(run) {
  let card = /** @type {any} */ (active.querySelector(`run-card[type="${run.type}"][run-id="${run.id}"]`));
  if (!card) {
    card = document.createElement("run-card");
    for (const [name, value] of [["type", run.type], ["business", run.business_id], ["run-id", run.id]]) card.setAttribute(name, value);
    card.setAttribute("heading", home.querySelector(`[data-heading="${run.type}"]`)?.textContent ?? "");
    active.querySelector("h2")?.after(card);
  }
  card.watch(run);
  showIfNothing();
  card.scrollIntoView({ block: "nearest" });
}

function showIfNothing() {
  nothing.hidden = active.querySelector("run-card") !== null;
}

showIfNothing();
localTimes(home);

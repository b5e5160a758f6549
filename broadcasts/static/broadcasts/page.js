/** The page of broadcasts: its card follows a started broadcast, and its lists follow the card. */

import "../runs/run-card.js";
import "./start.js";
import { Api, errorMessage } from "../runs/api.js";
import { followCards } from "../runs/live-parts.js";
import { pageMessages } from "../runs/messages.js";
import { showProblem } from "../runs/start-form.js";

const page = /** @type {HTMLElement} */ (document.getElementById("broadcasts-page"));
const card = /** @type {any} */ (page.querySelector("run-card"));
const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("retry-unknown"));

followCards(page, `${page.dataset.foundUrl}${location.search}`);
page.addEventListener("run:change", (event) => showCounts(/** @type {CustomEvent} */ (event).detail));
page.addEventListener("run:start", (event) => showRun(/** @type {CustomEvent} */ (event).detail));

/** The filters' counts are the card's own; what a run doesn't count comes with the list. @param {any} run */
function showCounts(run) {
  const list = document.getElementById("recipients");
  if (list?.dataset.run !== String(run.id)) return;
  const counts = { ...run.details, all: run.total ?? 0, pending: (run.total ?? 0) - run.processed };
  for (const place of list.querySelectorAll("[data-count]")) {
    const count = counts[place.getAttribute("data-count") ?? ""];
    if (typeof count === "number") place.textContent = pageMessages.formatNumber(count);
  }
}

/** A page of one broadcast lists its recipients, so another one needs its own page. @param {any} run */
function showRun(run) {
  if (location.search) location.search = `?run=${run.id}`;
  else card.watch(run);
}

// The dialog that sends again to recipients whose outcome is unknown

page.addEventListener("click", (event) => {
  const button = /** @type {HTMLElement} */ (event.target).closest("[data-retry-unknown]");
  if (!button) return;
  dialog.dataset.url = /** @type {HTMLElement} */ (button).dataset.retryUnknown;
  showProblem(dialog, "");
  dialog.showModal();
});

const confirmButton = /** @type {HTMLButtonElement} */ (dialog.querySelector("[data-confirm]"));
confirmButton.addEventListener("click", () => void retryUnknown());

/** Once, however often it is clicked: the button stays busy until the new broadcast's page is there. */
async function retryUnknown() {
  if (confirmButton.ariaBusy === "true") return;
  confirmButton.ariaBusy = confirmButton.ariaDisabled = "true";
  showProblem(dialog, "");
  const api = new Api({ lang: document.documentElement.lang });
  try {
    const run = await api.post(dialog.dataset.url ?? "", { confirm: true }, {}, null);
    location.search = `?run=${run.id}`;
  } catch (error) {
    showProblem(dialog, errorMessage(error));
    confirmButton.ariaBusy = confirmButton.ariaDisabled = "false";
  }
}

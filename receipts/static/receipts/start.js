/** The form that starts a receipt sync, wherever it stands. */

import { startForm } from "../runs/start.js";

const form = /** @type {HTMLFormElement | null} */ (document.getElementById("start-receipt-sync"));

if (form) {
  const { setBusy } = startForm(form, { path: "receipts/sync/", body });
  // One sync at a time: the form waits for whichever card of this page shows an active one.
  document.addEventListener("run:change", (event) => {
    const run = /** @type {CustomEvent} */ (event).detail;
    if (run.type === "receipt_sync") setBusy(run.finished_at === null);
  });
  form.addEventListener("change", showDates);
  showDates();
}

/** @param {FormData} said */
function body(said) {
  return { ...Object.fromEntries(said), mailbox: Number(said.get("mailbox")) };
}

function showDates() {
  const dates = /** @type {HTMLElement} */ (form?.querySelector("[data-dates]"));
  dates.hidden = new FormData(form ?? undefined).get("mode") !== "range";
  for (const input of dates.querySelectorAll("input")) input.disabled = dates.hidden;
}

/** The form that starts a receipt sync, on every page that has it. */

import { StartForm } from "../runs/start-form.js";

const form = /** @type {HTMLFormElement | null} */ (document.getElementById("start-receipt-sync"));

if (form) {
  new StartForm(form, { url: "receipts/sync/", buildBody, exclusiveType: "receipt_sync" }).startOnSubmit();
  form.addEventListener("change", showDates);
  showDates();
}

/** @param {FormData} form */
function buildBody(form) {
  return { ...Object.fromEntries(form), mailbox: Number(form.get("mailbox")) };
}

function showDates() {
  const dates = /** @type {HTMLElement} */ (form?.querySelector("[data-dates]"));
  dates.hidden = new FormData(form ?? undefined).get("mode") !== "range";
  for (const input of dates.querySelectorAll("input")) input.disabled = dates.hidden;
}

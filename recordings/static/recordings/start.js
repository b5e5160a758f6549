/** The form that starts a recording run, wherever it stands. */

import { startForm } from "../runs/start.js";

const form = /** @type {HTMLFormElement | null} */ (document.getElementById("start-recording"));

if (form) {
  const { setBusy } = startForm(form, { path: "recordings/runs/", body });
  // One run at a time: the form waits for whichever card of this page shows an active one.
  document.addEventListener("run:change", (event) => {
    const run = /** @type {CustomEvent} */ (event).detail;
    if (run.type === "recording") setBusy(run.finished_at === null);
  });
}

/** @param {FormData} said */
function body(said) {
  const filled = Object.fromEntries([...said].filter(([, value]) => value !== ""));
  return { ...filled, source: Number(said.get("source")) };
}

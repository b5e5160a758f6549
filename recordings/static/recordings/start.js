/** The form that starts a recording run, on every page that has it. */

import { StartForm } from "../runs/start-form.js";

const form = /** @type {HTMLFormElement | null} */ (document.getElementById("start-recording"));

if (form) new StartForm(form, { url: "recordings/runs/", buildBody, exclusiveType: "recording" }).startOnSubmit();

/** @param {FormData} form */
function buildBody(form) {
  const filled = Object.fromEntries([...form].filter(([, value]) => value !== ""));
  return { ...filled, source: Number(form.get("source")) };
}

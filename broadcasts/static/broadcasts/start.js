/** The form of a broadcast, wherever it stands: it is looked at first, and sent after. */

import { freshKey, Refusal } from "../runs/api.js";
import { words } from "../runs/words.js";

/** @param {HTMLFormElement} form */
function broadcastForm(form) {
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (form.querySelector(`[data-${name}]`));
  const check = /** @type {HTMLButtonElement} */ (part("check"));
  const send = /** @type {HTMLButtonElement} */ (part("send"));
  const file = /** @type {HTMLInputElement} */ (form.querySelector("[name=file]"));
  const { startUrl = "", previewUrl = "", sendOne = "", sendMany = "" } = form.dataset;
  let key = freshKey(); // the same until answered: a broadcast that is sent twice starts once

  form.addEventListener("input", forgetPreview);
  form.addEventListener("change", showTemplate);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void busily(look);
  });
  send.addEventListener("click", () => void busily(start));
  showTemplate();

  /** Whatever was looked at isn't what the form says any more. */
  function forgetPreview() {
    part("looked-at").hidden = true;
    complain("");
    key = freshKey();
  }

  function showTemplate() {
    const template = part("template");
    template.hidden = new FormData(form).get("kind") !== "template";
    for (const input of template.querySelectorAll("input, select")) {
      /** @type {HTMLInputElement} */ (input).disabled = template.hidden;
    }
  }

  async function look() {
    const { counts, to, text, warnings } = await post(form, previewUrl, said());
    for (const place of form.querySelectorAll("[data-count]")) {
      place.textContent = localized(counts[/** @type {HTMLElement} */ (place).dataset.count ?? ""]);
    }
    part("to").textContent = to || "–";
    part("text").textContent = text;
    send.textContent = counts.valid === 1 ? sendOne : sendMany.replace("{n}", localized(counts.valid));
    send.hidden = counts.valid === 0;
    part("warnings").replaceChildren(...warnings.map(alertOf));
    part("looked-at").hidden = false;
  }

  async function start() {
    const run = await post(form, startUrl, said(), { "Idempotency-Key": key });
    form.reset();
    showTemplate();
    forgetPreview();
    form.dispatchEvent(new CustomEvent("run:start", { detail: run, bubbles: true }));
  }

  /** One audience: the file, where one was chosen. */
  function said() {
    const body = new FormData(form);
    body.delete(file.files?.length ? "numbers" : "file");
    body.delete("kind");
    body.delete("csrfmiddlewaretoken");
    return body;
  }

  /** @param {() => Promise<void>} deed */
  async function busily(deed) {
    check.disabled = send.disabled = true;
    complain("");
    try {
      await deed();
    } catch (error) {
      complain((error instanceof Refusal && error.message) || words.say("failed"));
    } finally {
      check.disabled = send.disabled = false;
    }
  }

  /** @param {string} words */
  function complain(words) {
    part("start-problem").textContent = words;
    part("start-problem").hidden = !words;
  }
}

/** @param {string} words */
function alertOf(words) {
  const item = document.createElement("li");
  item.className = "alert";
  item.textContent = words;
  return item;
}

const language = document.documentElement.lang || "en";
const localized = (/** @type {number} */ count) => new Intl.NumberFormat(language).format(count);

/**
 * Without a limit of time: a hundred thousand numbers take a while to send up and to look through.
 * @param {ParentNode} within  where Django's token is
 * @param {string} url @param {BodyInit} body @param {Record<string, string>} [headers]
 */
export async function post(within, url, body, headers = {}) {
  const token = /** @type {HTMLInputElement | null} */ (within.querySelector("[name=csrfmiddlewaretoken]"));
  const response = await fetch(url, {
    method: "POST",
    body,
    cache: "no-store",
    headers: { Accept: "application/json", "X-CSRFToken": token?.value ?? "", ...headers },
  });
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Refusal(response.status, answer);
  return answer;
}

const form = /** @type {HTMLFormElement | null} */ (document.getElementById("start-broadcast"));
if (form) broadcastForm(form);

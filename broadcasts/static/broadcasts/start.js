/** The form that starts a broadcast, on every page that has it: a preview first, and the start after it. */

import { StartForm } from "../runs/start-form.js";

const language = document.documentElement.lang || "en";
const formatCount = (/** @type {number} */ count) => new Intl.NumberFormat(language).format(count);

class BroadcastForm extends StartForm {
  /** @param {HTMLFormElement} form */
  constructor(form) {
    // Without a time limit: a hundred thousand numbers take a while to upload and to check.
    super(form, { url: form.dataset.startUrl ?? "", buildBody, signal: null });
    this.sendButton = /** @type {HTMLButtonElement} */ (this.part("send"));
    form.addEventListener("input", () => this.dropPreview());
    form.addEventListener("change", () => this.showTemplateFields());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.whileBusy(() => this.preview());
    });
    this.sendButton.addEventListener("click", () => void this.start());
    this.showTemplateFields();
  }

  /** @param {string} name @returns {HTMLElement} */
  part(name) {
    return /** @type {HTMLElement} */ (this.form.querySelector(`[data-${name}]`));
  }

  /** The preview no longer shows what the form would send. */
  dropPreview() {
    this.part("preview").hidden = true;
    this.showProblem("");
    this.renewKey();
  }

  showTemplateFields() {
    const template = this.part("template");
    template.hidden = new FormData(this.form).get("kind") !== "template";
    for (const input of template.querySelectorAll("input, select")) {
      /** @type {HTMLInputElement} */ (input).disabled = template.hidden;
    }
  }

  async preview() {
    const { previewUrl = "", sendOne = "", sendMany = "" } = this.form.dataset;
    const { key } = this;
    const preview = await this.api.post(previewUrl, buildBody(new FormData(this.form)), {}, null);
    if (key !== this.key) return; // the form was edited meanwhile: this isn't what it would send
    const { counts, to, text, warnings, skipped } = preview;
    for (const place of this.form.querySelectorAll("[data-count]")) {
      place.textContent = formatCount(counts[/** @type {HTMLElement} */ (place).dataset.count ?? ""]);
    }
    this.showSkipped(skipped, counts.total - counts.valid);
    this.part("to").textContent = to || "–";
    this.part("text").textContent = text;
    this.sendButton.textContent = counts.valid === 1 ? sendOne : sendMany.replace("{n}", formatCount(counts.valid));
    this.sendButton.hidden = counts.valid === 0;
    this.part("warnings").replaceChildren(...warnings.map(warningItem));
    this.part("preview").hidden = false;
  }

  /** @param {any[]} skipped the first of them @param {number} total */
  showSkipped(skipped, total) {
    const people = this.part("skipped-people");
    people.hidden = total === 0;
    this.part("skipped-rows").replaceChildren(...skipped.map(skippedRow));
    const more = total - skipped.length;
    this.part("skipped-more").textContent = more ? (people.dataset.more ?? "").replace("{n}", formatCount(more)) : "";
  }

  /** @param {any} run */
  dispatchStart(run) {
    const hadFocus = this.sendButton === document.activeElement; // it goes with the preview
    this.form.reset();
    this.showTemplateFields();
    this.dropPreview();
    super.dispatchStart(run);
    if (hadFocus) /** @type {HTMLElement | null} */ (this.form.querySelector("button:not([data-send])"))?.focus();
  }
}

/** Either the file or the numbers: the API takes one audience. @param {FormData} form */
function buildBody(form) {
  const file = form.get("file");
  form.delete(file instanceof File && file.name ? "numbers" : "file");
  form.delete("kind");
  form.delete("csrfmiddlewaretoken");
  return form;
}

/** @param {{ line: number, phone: string, reason: string }} skipped */
function skippedRow({ line, phone, reason }) {
  const row = document.createElement("tr");
  const number = document.createElement("bdi");
  number.textContent = phone || "–";
  row.insertCell().textContent = formatCount(line);
  row.insertCell().append(number);
  row.insertCell().textContent = reason;
  return row;
}

/** @param {string} text */
function warningItem(text) {
  const item = document.createElement("li");
  item.className = "alert";
  item.textContent = text;
  return item;
}

const form = /** @type {HTMLFormElement | null} */ (document.getElementById("start-broadcast"));
if (form) new BroadcastForm(form);

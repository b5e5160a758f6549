/** The operator's home, kept up to date by the stream of all businesses' runs. Rows come as the server renders them. */

import { Api, errorMessage } from "./api.js";

const SILENT_MS = 12000; // figures with ages change every two seconds
const RECONNECT_MS = 5000;
const AIMING_MS = 5000;

const home = /** @type {HTMLElement} */ (document.getElementById("now"));
const body = /** @type {HTMLTableSectionElement} */ (document.getElementById("now-rows"));
const lost = /** @type {HTMLElement} */ (document.getElementById("now-lost"));
const problem = /** @type {HTMLElement} */ (document.getElementById("now-problem"));
const api = new Api({ lang: document.documentElement.lang });

/** @type {string[] | null} */
let waitingOrder = null; // while somebody aims at a row
let aimedAt = -Infinity;
let heardAt = performance.now();

function connect() {
  const stream = new EventSource(api.url(home.dataset.stream ?? ""));
  stream.addEventListener("row", ({ data }) => showRow(JSON.parse(data)));
  stream.addEventListener("state", ({ data }) => showState(JSON.parse(data)));
  stream.addEventListener("error", () => {
    if (stream.readyState !== EventSource.CLOSED) return; // it connects again by itself
    void reload().catch(() => {});
    setTimeout(connect, RECONNECT_MS);
  });
}

/** Where the server can't stream: what the page would show if it were opened now. */
async function reload() {
  const response = await fetch(location.href, { cache: "no-store" });
  if (!response.ok || response.redirected) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const rows = [.../** @type {NodeListOf<HTMLElement>} */ (fresh.querySelectorAll("#now-rows > tr"))];
  for (const row of rows) showRow({ key: row.dataset.key ?? "", html: row.outerHTML });
  const figures = [.../** @type {NodeListOf<HTMLElement>} */ (fresh.querySelectorAll("[data-figure]"))].map(
    (figure) => {
      const texts = ["strong", "small"].map((name) => figure.querySelector(name)?.textContent ?? "");
      return [figure.dataset.figure, [...texts, figure.dataset.tone]];
    },
  );
  showState({ order: rows.map((row) => row.dataset.key ?? ""), figures: Object.fromEntries(figures) });
}

/** @param {{key: string, html: string}} update */
function showRow({ key, html }) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = /** @type {HTMLTableRowElement} */ (template.content.firstElementChild);
  const shown = findRow(key);
  if (!shown) {
    body.append(fresh);
    return;
  }
  shown.dataset.verdict = fresh.dataset.verdict;
  // Only what differs: a button keeps its focus.
  [...fresh.cells].forEach((cell, index) => {
    const old = shown.cells[index];
    if (old.innerHTML === cell.innerHTML) return;
    const hadFocus = old.contains(document.activeElement);
    old.replaceWith(cell);
    if (hadFocus)
      /** @type {HTMLElement | null} */ (cell.querySelector("a, button") ?? shown.querySelector("a"))?.focus();
  });
}

/** @param {{order: string[], figures: Record<string, [string, string, string]>}} state */
function showState({ order, figures }) {
  heardAt = performance.now();
  lost.textContent = "";
  for (const [name, [value, note, tone]] of Object.entries(figures)) {
    const figure = /** @type {HTMLElement} */ (home.querySelector(`[data-figure="${name}"]`));
    setText(figure.querySelector("strong"), value);
    setText(figure.querySelector("small"), note);
    figure.dataset.tone = tone;
  }
  const listed = new Set(order);
  for (const row of body.rows) row.classList.toggle("now-gone", !listed.has(row.dataset.key ?? ""));
  waitingOrder = order;
  sortRows();
}

/** Nothing moves under a pointer that is about to press, and the focus stays where it is. */
function sortRows() {
  const isAiming = body.matches(":hover") && performance.now() - aimedAt < AIMING_MS;
  if (!waitingOrder || isAiming) return;
  const rows = waitingOrder.map(findRow).filter((row) => row !== null);
  waitingOrder = null;
  if (rows.length !== body.rows.length || rows.some((row, index) => row !== body.rows[index])) {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    body.replaceChildren(...rows);
    if (body.contains(focused)) focused?.focus({ preventScroll: true });
  }
}

/** @param {string} key @returns {HTMLTableRowElement | null} */
const findRow = (key) => body.querySelector(`tr[data-key="${CSS.escape(key)}"]`);

/** @param {Element | null} element @param {string} text */
function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/** @param {HTMLButtonElement} button */
async function act(button) {
  const { action, url = "" } = button.dataset;
  if (button.getAttribute("aria-disabled") === "true") return;
  if (action === "cancel" && !window.confirm(home.dataset.ask)) return;
  button.setAttribute("aria-disabled", "true");
  problem.textContent = "";
  try {
    await api.post(url);
  } catch (error) {
    problem.textContent = errorMessage(error);
    button.removeAttribute("aria-disabled");
  }
}

body.addEventListener("click", ({ target }) => {
  const button = /** @type {Element} */ (target).closest("button");
  if (button) void act(button);
});
body.addEventListener("pointermove", () => {
  aimedAt = performance.now();
});
body.addEventListener("pointerleave", () => setTimeout(sortRows));

setInterval(() => {
  sortRows();
  if (performance.now() - heardAt > SILENT_MS) lost.textContent = home.dataset.lost ?? "";
}, 1000);

connect();

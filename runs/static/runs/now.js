/** The operator's home, kept up to date by the stream of all businesses' runs. Rows come as the server renders them. */

import { Api, errorMessage } from "./api.js";
import { pageMessages } from "./messages.js";

const SILENT_MS = 12000; // the state comes every two seconds
const RECONNECT_MS = 5000;
const AIMING_MS = 5000;
const MISCLICK_MS = 1000; // a click so soon after a button appeared was meant for the one before it
const WORKING_MS = 4000; // beyond the response, until the row has come

const home = /** @type {HTMLElement} */ (document.getElementById("now"));
const body = /** @type {HTMLTableSectionElement} */ (document.getElementById("now-rows"));
const lost = /** @type {HTMLElement} */ (document.getElementById("now-lost"));
const problem = /** @type {HTMLElement} */ (document.getElementById("now-problem"));
const api = new Api({ lang: document.documentElement.lang });

/** @type {string[] | null} */
let waitingOrder = null; // while somebody aims at a row
let aimedAt = -Infinity;
/** @type {WeakMap<Element, {html: string, since: number}>}  of each cell, as it came */
const rendered = new WeakMap();
let contactAt = performance.now();
let connectedAt = contactAt;
let stream = openStream();

function openStream() {
  connectedAt = performance.now();
  const opened = new EventSource(api.url(home.dataset.stream ?? ""));
  opened.addEventListener("row", ({ data }) => showRow(JSON.parse(data)));
  opened.addEventListener("state", ({ data }) => showState(JSON.parse(data)));
  opened.addEventListener("error", () => {
    if (opened.readyState === EventSource.CLOSED) void reload().catch(() => {}); // else it connects again by itself
  });
  return opened;
}

function reconnect() {
  stream.close();
  stream = openStream();
}

/** Has it ended, or did the network lose it without a word? The browser reports no error then. */
function isStreamGone() {
  const now = performance.now();
  const hasEnded = stream.readyState === EventSource.CLOSED && now - connectedAt > RECONNECT_MS;
  return hasEnded || now - Math.max(contactAt, connectedAt) > SILENT_MS;
}

/** Where the server can't stream: what the page would show if it were opened now. */
async function reload() {
  const response = await fetch(location.href, { cache: "no-store" });
  if (response.redirected) showSignIn(response.url);
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
    for (const cell of fresh.cells) remember(cell);
    return;
  }
  shown.dataset.verdict = fresh.dataset.verdict;
  // Only what differs: a button keeps its focus.
  [...fresh.cells].forEach((cell, index) => {
    const old = shown.cells[index];
    if (rendered.get(old)?.html === cell.innerHTML) return;
    const focused = /** @type {HTMLElement | null} */ (old.querySelector(":focus"));
    old.replaceWith(cell);
    remember(cell);
    if (focused) focusLike(focused, cell, shown);
  });
}

/** @param {Element} cell @param {number} [since] */
function remember(cell, since = performance.now()) {
  rendered.set(cell, { html: cell.innerHTML, since });
}

/** On the same button or link, never on another button. @param {HTMLElement} before @param {Element} cell @param {Element} row */
function focusLike(before, cell, row) {
  const { action } = before.dataset;
  const same = action ? `button[data-action="${action}"]` : "a";
  /** @type {HTMLElement | null} */ (cell.querySelector(same) ?? row.querySelector("a"))?.focus();
}

/** @param {{order: string[], figures: Record<string, [string, string, string]>}} state */
function showState({ order, figures }) {
  contactAt = performance.now();
  showContact(true);
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

/** Without contact, what is shown may have changed long ago: nothing can be pressed. @param {boolean} hasContact */
function showContact(hasContact) {
  if (hasContact || !isSignedOut()) setText(lost, hasContact ? "" : (home.dataset.lost ?? ""));
  home.toggleAttribute("data-without-contact", !hasContact);
  for (const button of body.querySelectorAll("button")) showAvailable(button);
}

const isSignedOut = () => lost.querySelector("a") !== null;

/** Until there is contact again, after a sign-in in another tab. @param {string} url  of the sign-in page */
function showSignIn(url) {
  if (isSignedOut()) return;
  const link = document.createElement("a");
  link.href = url;
  link.textContent = pageMessages.text("sign_in");
  lost.replaceChildren(`${pageMessages.text("signed_out")} `, link);
  showContact(false);
}

/** The attribute `disabled` would take the focus away. @param {HTMLButtonElement} button */
function showAvailable(button) {
  button.ariaDisabled = button.ariaBusy === "true" || home.hasAttribute("data-without-contact") ? "true" : null;
}

/** @param {HTMLButtonElement} button */
async function act(button) {
  const { action, url = "" } = button.dataset;
  const since = rendered.get(button.closest("td") ?? button)?.since ?? 0;
  if (button.ariaDisabled === "true" || performance.now() - since < MISCLICK_MS) return;
  if (action === "cancel" && !window.confirm(home.dataset.ask)) return;
  showBusy(button, true);
  problem.textContent = "";
  try {
    await api.post(url);
    setTimeout(() => showBusy(button, false), WORKING_MS);
  } catch (error) {
    problem.textContent = errorMessage(error);
    showBusy(button, false);
  }
}

/** @param {HTMLButtonElement} button @param {boolean} isBusy */
function showBusy(button, isBusy) {
  button.ariaBusy = isBusy ? "true" : null;
  showAvailable(button);
}

body.addEventListener("click", ({ target }) => {
  const button = /** @type {Element} */ (target).closest("button");
  if (button) void act(button);
});
body.addEventListener("pointermove", () => {
  aimedAt = performance.now();
});
body.addEventListener("pointerleave", () => setTimeout(sortRows));

for (const cell of body.querySelectorAll("td")) remember(cell, -Infinity);
setInterval(() => {
  sortRows();
  if (performance.now() - contactAt > SILENT_MS) showContact(false);
  if (isStreamGone()) reconnect();
}, 1000);
for (const event of ["online", "pageshow"]) {
  window.addEventListener(event, () => {
    if (home.hasAttribute("data-without-contact")) reconnect();
  });
}

/** The receipts page: the form that starts a sync, the card that shows it, the list of what it finds. */

import { freshKey, get, post, Refusal } from "../runs/api.js";
import { isActive, RunCard } from "../runs/card.js";
import { forget, recall, remember } from "../runs/memory.js";
import { Poll } from "../runs/poll.js";
import { localTimes, say } from "../runs/words.js";

/** @typedef {import("../runs/card.js").Run} Run */

const TYPE = "receipt_sync";
const REFRESH_MS = 5000; // of the lists, at most

const page = /** @type {HTMLElement} */ (document.getElementById("receipts-page"));
const { business = "", statusUrl, startUrl = "", runsUrl = "", foundUrl, loginUrl, csrf = "" } = page.dataset;
const cardRoot = /** @type {HTMLElement} */ (page.querySelector("[data-run-card]"));
const noRun = /** @type {HTMLElement} */ (document.getElementById("no-run"));

const card = new RunCard(cardRoot, {
  news: /** @type {HTMLElement} */ (page.querySelector("[data-run-news]")),
  runsUrl,
  csrf,
  onRun: (run) => poll.accept(run),
});

/** @type {Poll<Run | null>} */
const poll = new Poll({
  ask: (signal) => get(`${statusUrl}?business=${business}`, signal).catch(noRunIsAnAnswer),
  onAnswer: showRun,
  onSilence: showSilence,
  isActive,
});

/** @param {unknown} error @returns {null} */
function noRunIsAnAnswer(error) {
  if (error instanceof Refusal && error.code === "no_run_yet") return null;
  throw error;
}

/** @param {Run | null} run */
function showRun(run) {
  cardRoot.hidden = run === null;
  noRun.hidden = run !== null;
  if (run) {
    if (signedOut) card.complain("");
    signedOut = false;
    card.show(run);
    if (isActive(run)) remember(business, TYPE, run.id);
    else forget(business, TYPE);
    refreshSoon(`${run.id}:${run.version}`, isActive(run) ? REFRESH_MS : 0);
  }
  setBusy(isActive(run));
  tick();
}

/** @param {unknown} error */
function showSilence(error) {
  if (error instanceof Refusal && (error.status === 401 || error.status === 403)) askToSignIn();
  tick();
}

let signedOut = false;

function askToSignIn() {
  signedOut = true;
  const link = document.createElement("a");
  link.href = `${loginUrl}?next=${encodeURIComponent(location.pathname)}`;
  link.textContent = say("sign_in");
  card.complain(`${say("signed_out")} `, link);
}

const tick = () => card.tick(poll.age, poll.isLate);

// The lists

let refreshedFor = "";
let refreshedAt = -Infinity;
let refreshTimer = 0;

/** @param {string} state  what the lists would show  @param {number} pause */
function refreshSoon(state, pause) {
  if (state === refreshedFor) return;
  if (refreshedFor === "" && pause === 0) return void (refreshedFor = state); // the page has just brought them
  clearTimeout(refreshTimer);
  const wait = Math.max(0, refreshedAt + pause - performance.now());
  refreshTimer = setTimeout(() => {
    refreshedFor = state;
    refreshedAt = performance.now();
    void refresh();
  }, wait);
}

async function refresh() {
  const response = await fetch(`${foundUrl}${location.search}`, { cache: "no-store" }).catch(() => null);
  if (!response?.ok || response.redirected) return void (refreshedFor = "?");
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of [...fresh.querySelectorAll("[data-live]")]) replace(part);
}

/** Put a part in its place, keeping the focus. @param {Element} part */
function replace(part) {
  const old = document.getElementById(part.id);
  localTimes(part);
  if (!old || old.innerHTML === part.innerHTML) return;
  const focused = old.contains(document.activeElement) ? document.activeElement?.getAttribute("href") : null;
  old.replaceWith(part);
  if (focused) /** @type {HTMLElement | null} */ (part.querySelector(`a[href="${CSS.escape(focused)}"]`))?.focus();
}

// The form

const form = /** @type {HTMLFormElement | null} */ (document.getElementById("start"));
let key = freshKey(); // the same until answered: a start that is sent twice starts one run

form?.addEventListener("change", showDates);
form?.addEventListener("submit", (event) => {
  event.preventDefault();
  void start(new FormData(form));
});

function showDates() {
  const dates = /** @type {HTMLElement} */ (form?.querySelector("[data-dates]"));
  dates.hidden = new FormData(/** @type {HTMLFormElement} */ (form)).get("mode") !== "range";
  for (const input of dates.querySelectorAll("input")) input.disabled = dates.hidden;
}

/** @param {FormData} said */
async function start(said) {
  setBusy(true);
  complain("");
  try {
    const body = { business: Number(business), ...Object.fromEntries(said), mailbox: Number(said.get("mailbox")) };
    poll.accept(await post(startUrl, csrf, body, { "Idempotency-Key": key }));
    key = freshKey();
    poll.now();
  } catch (error) {
    if (error instanceof Refusal) key = freshKey();
    if (error instanceof Refusal && error.run) poll.accept(error.run);
    else setBusy(false);
    complain((error instanceof Refusal && error.message) || say("failed"));
  }
}

/** @param {string} words */
function complain(words) {
  const place = /** @type {HTMLElement} */ (form?.querySelector("[data-start-problem]"));
  place.textContent = words;
  place.hidden = !words;
}

/** @param {boolean} busy */
function setBusy(busy) {
  if (!form) return;
  /** @type {HTMLButtonElement} */ (form.querySelector("button")).disabled = busy;
  /** @type {HTMLElement} */ (form.querySelector("[data-start-busy]")).hidden = !busy;
}

// The page

if (form) showDates();
localTimes(page);
recall(business, TYPE); // throws away what is too old, and what older versions kept besides the id
poll.start();
setInterval(tick, 1000);

/** Parts of a page (`data-live`, each with an id) that are fetched again as runs advance. */

import { followRuns } from "./live-rows.js";

// While a run is active: a second after the first refresh, two after the next, at last so many. A list that has nothing yet
// would contradict its card for long otherwise.
const LONGEST_PAUSE_MS = 5000;

/**
 * @param {string} url  where the parts are, alone or within a whole page
 * @param {string} [shownVersion]  which the page was rendered with; else the first one that is named
 * @returns {(version: string, isActive: boolean) => void}  call it with a text that differs whenever the parts would,
 *   and whether more changes are to be expected
 */
export function refreshLiveParts(url, shownVersion = "") {
  let refreshedAt = -Infinity;
  let refreshes = 0; // since a run has ended
  let timer = 0;

  /** @param {string} version */
  async function refresh(version) {
    shownVersion = version;
    refreshedAt = performance.now();
    refreshes += 1;
    const response = await fetch(url, { cache: "no-store" }).catch(() => null);
    if (!response?.ok || response.redirected) {
      shownVersion = "?";
      return;
    }
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of [...fresh.querySelectorAll("[data-live]")]) replacePart(part);
  }

  return (version, isActive) => {
    if (version === shownVersion) return;
    if (shownVersion === "" && !isActive) {
      shownVersion = version; // the page was rendered with it
      return;
    }
    clearTimeout(timer);
    const pause = Math.min(LONGEST_PAUSE_MS, 1000 * refreshes);
    const wait = isActive ? Math.max(0, refreshedAt + pause - performance.now()) : 0;
    if (!isActive) refreshes = 0;
    timer = setTimeout(() => void refresh(version), wait);
  };
}

/**
 * Refresh the parts whenever a run's status isn't that of its row, or a run has no row: once for each status, since a
 * list may leave the run out.
 * @param {ParentNode} root  has the rows, `data-run="<type>:<id>"` with `data-status`
 * @param {string} url
 * @returns {(run: import("./run-json.js").Run) => void}  call it with each change of a run
 */
export function refreshOnNewStatus(root, url) {
  const refresh = refreshLiveParts(url, "as rendered");
  /** @type {Set<string>} */
  const requested = new Set(); // runs with their statuses
  return (run) => {
    const row = findRow(root, run);
    const version = `${run.type} ${run.id} ${run.status}`;
    if (row?.dataset.status === run.status || requested.has(version)) return;
    requested.add(version);
    refresh(version, false);
  };
}

/** @param {ParentNode} root @param {import("./run-json.js").Run} run @returns {HTMLElement | null} */
const findRow = (root, run) => root.querySelector(`[data-run="${run.type}:${run.id}"]`);

/** The focus stays where it was, and what was opened stays open. @param {Element} part */
function replacePart(part) {
  const old = document.getElementById(part.id);
  if (!old) return;
  for (const details of old.querySelectorAll("details[id]")) {
    findById(part, details.id)?.toggleAttribute("open", details.hasAttribute("open"));
  }
  if (old.innerHTML === part.innerHTML) return;
  const focused = old.contains(document.activeElement) ? selectorOf(document.activeElement) : "";
  old.replaceWith(part);
  part.dispatchEvent(new CustomEvent("parts:replaced", { bubbles: true }));
  if (focused) /** @type {HTMLElement | null} */ (part.querySelector(focused))?.focus();
}

/** @param {Element} part @param {string} id */
const findById = (part, id) => part.querySelector(`#${CSS.escape(id)}`);

// Links to the next page and the one before have another address in the new part.
const NAMING_ATTRIBUTES = ["rel", "href", "data-call", "data-retry-unknown"];

/** What finds this link, button or summary in the new part. @param {Element | null} element */
function selectorOf(element) {
  const details = element?.closest("details[id] > summary")?.parentElement;
  if (details) return `#${CSS.escape(details.id)} > summary`;
  const name = NAMING_ATTRIBUTES.find((each) => element?.hasAttribute(each));
  return name ? `[${name}="${CSS.escape(element?.getAttribute(name) ?? "")}"]` : "";
}

/**
 * Refresh the parts of `page` whenever one of its cards shows a change, or a run of its rows has another status. What
 * else changes in rows comes with the stream itself.
 * @param {HTMLElement} page @param {string} url
 */
export function followCards(page, url) {
  const refreshParts = refreshLiveParts(url);
  /** @param {import("./run-json.js").Run} run */
  const refresh = (run) => refreshParts(`${run.id}:${run.version}`, run.finished_at === null);
  page.addEventListener("run:change", (event) => refresh(/** @type {CustomEvent} */ (event).detail));
  const card = page.querySelector("run-card");
  const business = card?.getAttribute("business");
  if (business && !card?.hasAttribute("api")) followRuns(page, business, refreshForRow); // the staff's page has no rows of runs

  /** @param {import("./run-json.js").Run} run */
  function refreshForRow(run) {
    const row = findRow(page, run);
    if (row && row.dataset.status !== run.status) refresh(run);
  }
}

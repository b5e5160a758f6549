/** Parts of a page (`data-live`, each with an id) that are fetched anew as runs go on. */

import { localTimes } from "./words.js";

const REFRESH_MS = 5000; // at most, while a run is active

/**
 * @param {string} url  where the parts can be had, alone or with a page around them
 * @returns {(state: string, busy: boolean) => void}  says what the parts would show, and if more is to come
 */
export function keepFresh(url) {
  let shown = "";
  let refreshedAt = -Infinity;
  let timer = 0;

  /** @param {string} state */
  async function refresh(state) {
    shown = state;
    refreshedAt = performance.now();
    const response = await fetch(url, { cache: "no-store" }).catch(() => null);
    if (!response?.ok || response.redirected) return void (shown = "?");
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of [...fresh.querySelectorAll("[data-live]")]) replace(part);
  }

  return (state, busy) => {
    if (state === shown) return;
    if (shown === "" && !busy) return void (shown = state); // the page has just brought them
    clearTimeout(timer);
    timer = setTimeout(() => void refresh(state), Math.max(0, busy ? refreshedAt + REFRESH_MS - performance.now() : 0));
  };
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

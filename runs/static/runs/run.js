/** The page of one run, a business's or the admin's: its lists follow its card. */

import "./run-card.js";
import { followCards } from "./live-parts.js";

const page = /** @type {HTMLElement} */ (document.getElementById("run-page"));

followCards(page, location.pathname);
page.addEventListener("run:start", (event) => openPageOf(/** @type {CustomEvent} */ (event).detail));

/** Of the same type as this page's run; the admin's address ends in "change/". @param {{id: number}} run */
function openPageOf({ id }) {
  location.pathname = location.pathname.replace(/\d+(?=\/(change\/)?$)/, String(id));
}

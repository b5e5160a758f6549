/** The receipts page: its card follows a started sync, and its lists follow the card. */

import "../runs/run-card.js";
import "./start.js";
import { followCards } from "../runs/live-parts.js";

const page = /** @type {HTMLElement} */ (document.getElementById("receipts-page"));
const card = /** @type {any} */ (page.querySelector("run-card"));

followCards(page, `${page.dataset.foundUrl}${location.search}`);
page.addEventListener("run:start", (event) => card.watch(/** @type {CustomEvent} */ (event).detail));

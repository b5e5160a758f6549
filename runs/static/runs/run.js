/** The page of one run: its lists follow its card. */

import "./run-card.js";
import { followCards } from "./live-parts.js";

followCards(/** @type {HTMLElement} */ (document.getElementById("run-page")), location.pathname);

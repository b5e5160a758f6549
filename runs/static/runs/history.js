/** The history: its rows go on while it is open. */

import { followRuns } from "./live-rows.js";

const history = /** @type {HTMLElement} */ (document.getElementById("history"));

followRuns(history, history.dataset.business ?? "");

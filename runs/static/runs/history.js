/** The history: its rows go on while it is open. */

import { followRuns } from "./live-rows.js";
import { localizeTimes } from "./messages.js";

const history = /** @type {HTMLElement} */ (document.getElementById("history"));

localizeTimes(history);
followRuns(history, history.dataset.business ?? "");

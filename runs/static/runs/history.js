/** The history: its rows go on while it is open, and the list follows runs that start and end. */

import { refreshOnNewStatus } from "./live-parts.js";
import { followRuns } from "./live-rows.js";

const history = /** @type {HTMLElement} */ (document.getElementById("history"));
const refreshList = refreshOnNewStatus(history, `${location.pathname}${location.search}`);

followRuns(history, history.dataset.business ?? "", refreshList);

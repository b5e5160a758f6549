/**
 * The runs of a business as they go on, for the rows and lists of a page: fed by the same stream as its cards, so that
 * a page never says two things of one run. Where the stream fails, the active runs are polled, and those that are no
 * longer among them are fetched once more.
 */

import { Api } from "./api.js";
import { isActive, isImperfect } from "./run-json.js";
import { subscribe } from "./run-stream.js";

const STREAMED_MS = 30000; // the stream sends something each 15 s
const POLL_MS = 1500; // a run that is started elsewhere is shown within two seconds

/** @typedef {import("./run-json.js").Run} Run */

/** @param {Run} run */
const keyOf = (run) => `${run.type}:${run.id}`;

/**
 * @param {ParentNode} root  its rows, `data-run="<type>:<id>"`, are kept up to date
 * @param {string} business
 * @param {(run: Run) => void} [onRun]  called with each change of a run, also of one without a row
 */
export function followRuns(root, business, onRun) {
  const api = new Api({ lang: document.documentElement.lang });
  /** @type {Map<string, Run>} */
  const latest = new Map();
  let streamedAt = -Infinity;

  /** @param {Run} run */
  function receive(run) {
    const known = latest.get(keyOf(run));
    if (known && run.version < known.version) return; // overtaken on its way
    latest.set(keyOf(run), run);
    updateRow(root, run);
    onRun?.(run);
  }

  async function poll() {
    const { results, next } = await api.get("runs/", { business, active: "true", page_size: 50 });
    for (const run of results) receive(run);
    if (next) return; // there are more active ones than these
    const active = new Set(results.map(keyOf));
    const ended = [...latest.values()].filter((run) => isActive(run) && !active.has(keyOf(run)));
    for (const run of ended) receive(await api.get(`runs/${run.type}/${run.id}/`));
  }

  const noteContact = () => {
    streamedAt = performance.now();
  };
  subscribe(api, business, {
    onRun: (run) => {
      noteContact();
      receive(run);
    },
    onCaughtUp: noteContact,
    onLost: () => {
      streamedAt = -Infinity;
    },
  });
  setInterval(() => {
    if (performance.now() - streamedAt < STREAMED_MS || document.visibilityState === "hidden") return;
    void poll().catch(() => null);
  }, POLL_MS);
  root.addEventListener("run:change", (event) => receive(/** @type {CustomEvent} */ (event).detail));
  // A part that was requested before a change may arrive after it.
  root.addEventListener("parts:replaced", () => {
    for (const run of latest.values()) updateRow(root, run);
  });
}

/** @param {ParentNode} root @param {Run} run */
function updateRow(root, run) {
  for (const row of root.querySelectorAll(`[data-run="${CSS.escape(keyOf(run))}"]`)) {
    if (Number(row.getAttribute("data-version")) > run.version) continue;
    row.setAttribute("data-version", String(run.version));
    const pill = row.querySelector("[data-field=verdict]");
    if (pill) showVerdict(pill, run);
    for (const [name, text] of Object.entries(run.details.about ?? {})) {
      const place = row.querySelector(`[data-field="${name}"]`);
      if (!place) continue;
      place.textContent = String(text ?? "");
      place.toggleAttribute("hidden", !text);
    }
  }
}

/** @param {Element} pill @param {Run} run */
function showVerdict(pill, run) {
  const { code, label, message } = run.verdict;
  pill.textContent = label;
  pill.setAttribute("data-code", code);
  pill.toggleAttribute("data-imperfect", isImperfect(run));
  if (message) pill.setAttribute("title", message);
  else pill.removeAttribute("title");
}

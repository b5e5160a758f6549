/** The card's own page: one face for each state, told from fixed runs instead of by a server. */

import { Face, isActive } from "./card-face.js";
import "./run-card.js";

const { examples, heading } = JSON.parse(document.getElementById("examples")?.textContent ?? "{}");

for (const { name, run, silence } of examples) {
  const place = /** @type {HTMLElement} */ (document.getElementById(`example-${name}`));
  const face = new Face(place, document.documentElement.lang, heading);
  face.show(run);
  face.showActions(isActive(run) ? run.actions : [...run.actions, "dismiss"], false);
  const show = () => face.tick(silence ?? 0, silence ?? 0, silence !== null);
  face.part("why").addEventListener("toggle", show);
  face.part("failures").addEventListener("toggle", () => face.showItems([], false));
  show();
}

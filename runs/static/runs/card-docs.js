/** The page that documents the card: a card in each state, showing example runs instead of the server's. */

import { CardView } from "./card-view.js";
import { isActive } from "./run-json.js";
import "./run-card.js";

const { examples, heading } = JSON.parse(document.getElementById("examples")?.textContent ?? "{}");

for (const { name, run, contact_age: contactAge } of examples) {
  const place = /** @type {HTMLElement} */ (document.getElementById(`example-${name}`));
  const view = new CardView(place, document.documentElement.lang, heading);
  view.show(run);
  view.showActions(isActive(run) ? run.actions : [...run.actions, "dismiss"]);
  const show = () => view.tick(contactAge ?? 0, contactAge ?? 0, contactAge !== null);
  view.part("why").addEventListener("toggle", show);
  view.part("failures").addEventListener("toggle", () => view.details.showItems([], false));
  show();
}

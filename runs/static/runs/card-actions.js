/**
 * The buttons of a card. Each has a place of its own, which it keeps while the card shows the run: a second click in
 * the same place never does something else. Retry and Resume share one, being the same act. A cancel is confirmed once.
 */

const WHILE_ACTIVE = ["cancel", "pause"];
const PLACES = [...WHILE_ACTIVE, "gap", "dismiss", "retry-failed", "continue"]; // from the card's start to its end

/** @param {string} action */
const placeOf = (action) => (action === "resume" || action === "retry" ? "continue" : action);

export class CardActions {
  /**
   * @param {HTMLElement} root  the element with the places, and with the dialog that confirms a cancel
   * @param {(action: string) => string} label
   */
  constructor(root, label) {
    this.root = root;
    this.label = label;
    this.dialog = /** @type {HTMLDialogElement} */ (root.querySelector("dialog"));
    this.forget();
    root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.dialog.open) this.closeDialog();
    });
    this.dialog.querySelector("[value=keep]")?.addEventListener("click", () => this.closeDialog());
  }

  /** Another run is shown: the places are given anew. */
  forget() {
    this.closeDialog();
    for (const place of this.root.querySelectorAll(".place")) place.remove();
  }

  /**
   * @param {string[]} actions  that are allowed now
   * @param {{isActive: boolean, working: string, isDisabled: boolean}} state
   *   `isActive`: of the run; `working`: the action that is under way; `isDisabled`: none can be taken now
   */
  show(actions, { isActive, working, isDisabled }) {
    const shown = working && !actions.includes(working) ? [...actions, working] : actions;
    if (isActive) for (const action of WHILE_ACTIVE) this.reserve(action, action);
    for (const action of shown) this.reserve(placeOf(action), action);
    for (const place of this.root.querySelectorAll(".place")) {
      const name = place.getAttribute("data-place");
      this.fillPlace(place, shown.find((action) => placeOf(action) === name) ?? "");
    }
    for (const button of this.root.querySelectorAll("button[data-action]")) {
      // The attribute `disabled` would take the focus away.
      button.ariaDisabled = String(isDisabled || working !== "");
      button.ariaBusy = String(button.getAttribute("data-action") === working);
    }
    if (this.dialog.open && (isDisabled || !actions.includes("cancel") || working)) this.closeDialog();
  }

  /** @param {string} name  of the place @param {string} action  that is as wide as the place has to be */
  reserve(name, action) {
    const known = /** @type {HTMLElement | null} */ (this.root.querySelector(`[data-place="${name}"]`));
    const place = known ?? document.createElement("span");
    place.className = "place";
    place.dataset.place = name;
    place.dataset.label = this.label(action);
    if (known) return;
    const later = PLACES.slice(PLACES.indexOf(name) + 1).map((other) => `[data-place="${other}"]`);
    this.root.insertBefore(place, this.root.querySelector([...later, "dialog"].join()));
  }

  /** @param {Element} place @param {string} action  empty: none now */
  fillPlace(place, action) {
    const button = /** @type {HTMLElement | null} */ (place.querySelector("button"));
    if ((button?.dataset.action ?? "") === action) return;
    place.replaceChildren(...(action ? [this.createButton(action)] : []));
  }

  /** @param {string} action */
  createButton(action) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.action = action;
    button.part.add("button");
    button.textContent = this.label(action);
    return button;
  }

  /** The focus goes to the answer that changes nothing. */
  confirmCancel() {
    if (!this.dialog.open) this.dialog.show();
    /** @type {HTMLElement | null} */ (this.dialog.querySelector("[value=keep]"))?.focus(); // after a double click too
  }

  closeDialog() {
    const hadFocus = this.dialog.matches(":focus-within");
    this.dialog.close();
    if (hadFocus) /** @type {HTMLElement | null} */ (this.root.querySelector('[data-action="cancel"]'))?.focus();
  }
}

/** The parts of a card that its reader opens: why it shows this status, its last events, and the items that failed. */

const AGES = new Set(["seconds_since_heartbeat", "seconds_since_progress"]);

/** @typedef {import("./run-json.js").Run} Run */
/** @typedef {import("./messages.js").Messages} Messages */
/** @typedef {{label: string, text: string, at: string|null}} Fact */

export class CardDetails {
  /** @param {ShadowRoot} root @param {Messages} messages */
  constructor(root, messages) {
    this.root = root;
    this.messages = messages;
  }

  /** @param {string} name @returns {any} */
  part(name) {
    return this.root.querySelector(`[part="${name}"]`);
  }

  /** @param {string} name @returns {any} */
  fill(name) {
    return this.root.querySelector(`[data-fill="${name}"]`);
  }

  /** @param {Run} run @param {number} age  seconds since the run was received */
  showEvidence(run, age) {
    const { messages } = this;
    const { code, evidence } = run.verdict;
    const limit = messages.formatThreshold(run.stale_after_seconds);
    this.fill("why-is").textContent = messages.text(`why_is.${code}`, { limit });
    this.fill("why-left").hidden = run.eta_seconds === null;
    const rows = Object.entries(evidence).flatMap(([name, value]) => {
      if (value === null || value === "" || (run.status !== "running" && AGES.has(name) && run.status !== "failed"))
        return [];
      if (AGES.has(name)) return [[name, messages.formatAge(value + age)]];
      if (name === "waits_for" || name === "seconds_in_queue") return []; // the card says it
      if (name === "running_of_limit") return [[name, this.limitText(value)]];
      if (name === "seconds_to_wait") return value > age ? [[name, messages.formatDuration(value - age)]] : [];
      if (name === "stale_after_seconds") return [[name, limit]];
      return [[name, typeof value === "number" ? messages.formatNumber(value) : value]];
    });
    this.part("evidence").replaceChildren(
      ...rows.flatMap(([name, value]) => [
        createElement("dt", messages.textOr(`evidence.${name}`, name)),
        createElement("dd", value),
      ]),
    );
  }

  /** @param {{running: number, limit: number}} runs */
  limitText({ running, limit }) {
    const { messages } = this;
    return messages.text("of", { done: messages.formatNumber(running), total: messages.formatNumber(limit) });
  }

  /** @param {any[]} events  newest first */
  showEvents(events) {
    const { messages } = this;
    const rows = events.map((event) => {
      const row = document.createElement("li");
      const actor = event.actor && messages.textOr(`actors.${event.actor.kind}`, event.actor.kind);
      const reason = messages.textOr(`reasons.${event.reason}`, event.reason);
      const by = [actor, event.actor?.name].filter(Boolean).join(" ");
      row.append(
        createElement("strong", messages.text(`status.${event.status}`)),
        createTime(event.at, messages),
        createElement("span", [reason, by].filter(Boolean).join(" · ")),
      );
      return row;
    });
    this.part("events").replaceChildren(...rows);
  }

  /** @param {any[]} items @param {boolean} more */
  showItems(items, more) {
    const { messages } = this;
    this.part("items").replaceChildren(...items.map((item) => itemRow(item, messages)));
    this.part("items").hidden = items.length === 0;
    this.fill("failed-note").textContent =
      items.length === 0
        ? messages.text("nothing_failed")
        : more
          ? messages.text("more", { n: messages.formatNumber(items.length) })
          : "";
  }
}

/** @param {Record<string, any>} item  as of a server that may be older than this card @param {Messages} messages */
function itemRow(item, messages) {
  const { headline = item.key, facts = [] } = item.about ?? {};
  const row = document.createElement("li");
  const list = document.createElement("dl");
  list.replaceChildren(...facts.map((/** @type {Fact} */ fact) => factRow(fact, messages)));
  row.append(createElement("strong", headline), list, createElement("p", item.error_message || item.error_code));
  return row;
}

/** @param {Fact} fact @param {Messages} messages */
function factRow({ label, text, at }, messages) {
  const row = document.createElement("div");
  const value = at ? document.createElement("dd") : createElement("dd", text);
  if (at) value.append(createTime(at, messages));
  row.append(createElement("dt", label), value);
  return row;
}

/** In the direction of the text around it, as on the server's pages. @param {string} iso @param {Messages} messages */
function createTime(iso, messages) {
  const time = document.createElement("time");
  time.dateTime = iso;
  time.textContent = messages.formatTime(iso);
  return time;
}

/** @param {string} tag @param {unknown} text  maybe a stranger's: never as markup, and in its own direction */
export function createElement(tag, text) {
  const element = document.createElement(tag);
  element.appendChild(document.createElement("bdi")).textContent = String(text);
  return element;
}

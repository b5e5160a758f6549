/** One call, to be heard and read: a line of its transcript, or a place in the picture of it, is where to go on. */

/** @typedef {{start: number, end: number, text: string, speaker: string}} Segment */

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 10; // of the picture, whose width is the call's seconds

export class Player {
  /** @param {HTMLElement} root */
  constructor(root) {
    const part = (/** @type {string} */ selector) => /** @type {any} */ (root.querySelector(selector));
    this.root = root;
    this.audio = /** @type {HTMLAudioElement} */ (part("audio"));
    this.title = part("[data-player-title]");
    this.speech = /** @type {SVGElement} */ (part("[data-speech]"));
    this.lines = /** @type {HTMLElement} */ (part("[data-lines]"));
    this.problem = part("[data-player-note=problem]");
    this.audio.addEventListener("timeupdate", () => this.follow());
    this.lines.addEventListener("click", (event) => this.seekLine(event));
    this.speech.addEventListener("click", (event) => this.seekPlace(event));
    part("[data-player-close]").addEventListener("click", () => this.close());
  }

  /** @param {DOMStringMap} call  what its button says of it @param {string} words  of it that were searched for */
  async open({ call, title, media, transcript, problem }, words) {
    this.call = call;
    this.title.textContent = title ?? "";
    this.root.hidden = false;
    this.root.scrollIntoView({ block: "nearest", behavior: "smooth" });
    this.root.focus({ preventScroll: true });
    this.show([], "");
    this.problem.textContent = problem ?? "";
    this.note(problem ? "problem" : transcript ? "" : "none");
    this.audio.hidden = !media;
    this.audio.src = media ?? "";
    if (media) this.audio.play().catch(() => {}); // a browser may want a click of its own
    if (transcript) await this.read(transcript, words);
  }

  close() {
    this.call = undefined;
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.root.hidden = true;
  }

  /** @param {string} url @param {string} words */
  async read(url, words) {
    const call = this.call;
    const response = await fetch(url, { cache: "no-store", headers: { Accept: "application/json" } }).catch(() => null);
    const told = response?.ok ? await response.json().catch(() => null) : null;
    if (call !== this.call) return; // another was chosen meanwhile
    if (!told) return this.note("failed");
    this.show(told.segments, told.language);
    if (!told.segments.length && !this.problem.textContent) this.note("silent");
    this.mark(words);
  }

  /** @param {string} which  "none", "silent", "problem" (of the call), "failed", or empty */
  note(which) {
    for (const note of this.root.querySelectorAll("[data-player-note]")) {
      /** @type {HTMLElement} */ (note).hidden = note.getAttribute("data-player-note") !== which;
    }
  }

  /** @param {Segment[]} segments @param {string} language */
  show(segments, language) {
    this.segments = segments;
    this.lines.lang = language;
    this.lines.replaceChildren(...segments.map((segment) => line(segment, this.lines.dataset)));
    const seconds = this.seconds();
    this.speech.toggleAttribute("hidden", !segments.length);
    this.speech.setAttribute("viewBox", `0 0 ${seconds || 1} ${HEIGHT}`);
    this.played = rect("played", 0, 0);
    this.speech.replaceChildren(...segments.map(said), this.played);
  }

  /** Until somebody speaks for the last time; not always in the last line, where both do. */
  seconds() {
    return Math.max(0, ...(this.segments ?? []).map(({ end }) => end));
  }

  /** Lead to the first line that says what was searched for. @param {string} words */
  mark(words) {
    const wanted = words.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
    if (!wanted.length) return;
    const saying = [...this.lines.children].filter((line) =>
      wanted.some((word) => line.querySelector("[data-text]")?.textContent?.toLowerCase().includes(word)),
    );
    for (const line of saying) line.classList.add("found");
    this.reveal(saying[0]);
  }

  /** Which line is being said. */
  follow() {
    const now = this.audio.currentTime;
    this.played?.setAttribute("width", String(now));
    const at = this.segments?.findLastIndex(({ start }) => start <= now) ?? -1;
    if (at === this.at) return;
    this.lines.children[this.at ?? -1]?.removeAttribute("aria-current");
    this.lines.children[at]?.setAttribute("aria-current", "true");
    this.at = at;
    this.reveal(this.lines.children[at]);
  }

  /** Within the transcript alone: the page stays where it is. @param {Element | undefined} line */
  reveal(line) {
    if (!line) return;
    const { offsetTop, offsetHeight } = /** @type {HTMLElement} */ (line);
    const { scrollTop, clientHeight } = this.lines;
    if (offsetTop < scrollTop || offsetTop + offsetHeight > scrollTop + clientHeight) {
      this.lines.scrollTop = offsetTop - clientHeight / 3;
    }
  }

  /** @param {Event} event */
  seekLine(event) {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    if (button) this.seek(Number(button.dataset.at));
  }

  /** @param {MouseEvent} event */
  seekPlace(event) {
    const { left, width } = this.speech.getBoundingClientRect();
    this.seek(((event.clientX - left) / width) * this.seconds());
  }

  /** @param {number} seconds */
  seek(seconds) {
    this.audio.currentTime = seconds;
    this.audio.play().catch(() => {});
  }
}

/** @param {Segment} segment @param {DOMStringMap} names  of the speakers */
function line({ start, text, speaker }, names) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const time = document.createElement("span");
  const said = document.createElement("span");
  button.type = "button";
  button.dataset.at = String(start);
  time.className = "at";
  time.textContent = clock(start);
  said.dir = "auto";
  said.dataset.text = "";
  said.textContent = text;
  button.append(time, ...(speaker ? [who(names[speaker] ?? speaker)] : []), said);
  item.append(button);
  return item;
}

/** @param {string} name */
function who(name) {
  const shown = document.createElement("strong");
  shown.className = "who";
  shown.textContent = name;
  return shown;
}

/** In the picture each side of a call has a half of the height. @param {Segment} segment */
function said({ start, end, speaker }) {
  const shape = rect("said", start, end - start);
  if (speaker) shape.setAttribute("height", String(HEIGHT / 2));
  if (speaker === "agent") shape.setAttribute("y", String(HEIGHT / 2));
  return shape;
}

/** @param {number} seconds */
function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** @param {string} name @param {number} x @param {number} width */
function rect(name, x, width) {
  const shape = document.createElementNS(SVG, "rect");
  shape.setAttribute("class", name);
  for (const [attribute, value] of Object.entries({ x, y: 0, width, height: HEIGHT })) shape.setAttribute(attribute, String(value));
  return shape;
}

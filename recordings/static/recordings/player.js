/** Plays one call and shows its transcript. A click on a line, or on the speech chart, plays from there. */

/** @typedef {{start: number, end: number, text: string, speaker: string}} Segment */

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 10; // of the speech chart; its width is the call's length in seconds

export class Player {
  /** @param {HTMLElement} root */
  constructor(root) {
    const part = (/** @type {string} */ selector) => /** @type {any} */ (root.querySelector(selector));
    this.root = root;
    this.currentLine = -1;
    this.audio = /** @type {HTMLAudioElement} */ (part("audio"));
    this.title = part("[data-player-title]");
    this.speech = /** @type {SVGElement} */ (part("[data-speech]"));
    this.lines = /** @type {HTMLElement} */ (part("[data-lines]"));
    this.problem = part("[data-player-note=problem]");
    this.audio.addEventListener("timeupdate", () => this.markCurrentLine());
    this.lines.addEventListener("click", (event) => this.playFromLine(event));
    this.speech.addEventListener("click", (event) => this.playFromChart(event));
    part("[data-player-close]").addEventListener("click", () => this.close());
  }

  /** @param {DOMStringMap} call  its button's data @param {string} query  what was searched for */
  async open({ call, title, media, transcript, problem }, query) {
    this.call = call;
    this.title.textContent = title ?? "";
    this.root.hidden = false;
    this.root.scrollIntoView({ block: "nearest", behavior: "smooth" });
    this.root.focus({ preventScroll: true });
    this.showTranscript([], "");
    this.problem.textContent = problem ?? "";
    this.showNote(problem ? "problem" : transcript ? "" : "none");
    this.audio.hidden = !media;
    this.audio.src = media ?? "";
    if (media) this.audio.play().catch(() => {}); // a browser may require a click on the player itself
    if (transcript) await this.loadTranscript(transcript, query);
  }

  /** The focus goes back to the call's button in the list: it would be lost with the player. */
  close() {
    const button = document.querySelector(`[data-call="${CSS.escape(this.call ?? "")}"]`);
    /** @type {HTMLElement | null} */ (button)?.focus();
    this.call = undefined;
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.root.hidden = true;
  }

  /** @param {string} url @param {string} query */
  async loadTranscript(url, query) {
    const call = this.call;
    const response = await fetch(url, { cache: "no-store", headers: { Accept: "application/json" } }).catch(() => null);
    const loaded = response?.ok ? await response.json().catch(() => null) : null;
    if (call !== this.call) return; // another call was opened meanwhile
    if (!loaded) return this.showNote("failed");
    this.showTranscript(loaded.segments, loaded.language);
    if (!loaded.segments.length && !this.problem.textContent) this.showNote("silent");
    this.markMatches(query);
  }

  /** @param {string} name  "none", "silent", "problem" (of the call), "failed", or empty */
  showNote(name) {
    for (const note of this.root.querySelectorAll("[data-player-note]")) {
      /** @type {HTMLElement} */ (note).hidden = note.getAttribute("data-player-note") !== name;
    }
  }

  /** @param {Segment[]} segments @param {string} language */
  showTranscript(segments, language) {
    this.segments = segments;
    this.lines.lang = language;
    this.lines.replaceChildren(...segments.map((segment) => transcriptLine(segment, this.lines.dataset)));
    const seconds = this.speechSeconds();
    this.speech.toggleAttribute("hidden", !segments.length);
    this.speech.setAttribute("viewBox", `0 0 ${seconds || 1} ${HEIGHT}`);
    this.played = createRect("played", 0, 0);
    this.speech.replaceChildren(...segments.map(speechShape), this.played);
  }

  /** The end of the speech. Where two people speak at once, it isn't always the last segment that ends last. */
  speechSeconds() {
    return Math.max(0, ...(this.segments ?? []).map(({ end }) => end));
  }

  /** Mark the lines that match the search, and scroll to the first. @param {string} query */
  markMatches(query) {
    const words = query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
    if (!words.length) return;
    const matches = [...this.lines.children].filter((line) =>
      words.some((word) => line.querySelector("[data-text]")?.textContent?.toLowerCase().includes(word)),
    );
    for (const line of matches) line.classList.add("found");
    this.scrollTo(matches[0]);
  }

  /** Mark the line that is being played. */
  markCurrentLine() {
    const now = this.audio.currentTime;
    this.played?.setAttribute("width", String(now));
    const current = this.segments?.findLastIndex(({ start }) => start <= now) ?? -1;
    if (current === this.currentLine) return;
    this.lines.children[this.currentLine]?.removeAttribute("aria-current");
    this.lines.children[current]?.setAttribute("aria-current", "true");
    this.currentLine = current;
    this.scrollTo(this.lines.children[current]);
  }

  /** Scroll the transcript and not the page. @param {Element | undefined} line */
  scrollTo(line) {
    if (!line) return;
    const { offsetTop, offsetHeight } = /** @type {HTMLElement} */ (line);
    const { scrollTop, clientHeight } = this.lines;
    if (offsetTop < scrollTop || offsetTop + offsetHeight > scrollTop + clientHeight) {
      this.lines.scrollTop = offsetTop - clientHeight / 3;
    }
  }

  /** @param {Event} event */
  playFromLine(event) {
    const button = /** @type {HTMLElement} */ (event.target).closest("button");
    if (button) this.playFrom(Number(button.dataset.at));
  }

  /** @param {MouseEvent} event */
  playFromChart(event) {
    const { left, width } = this.speech.getBoundingClientRect();
    this.playFrom(((event.clientX - left) / width) * this.speechSeconds());
  }

  /** @param {number} seconds */
  playFrom(seconds) {
    this.audio.currentTime = seconds;
    this.audio.play().catch(() => {});
  }
}

/** @param {Segment} segment @param {DOMStringMap} names  of the speakers */
function transcriptLine({ start, text, speaker }, names) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const time = document.createElement("span");
  const words = document.createElement("span");
  button.type = "button";
  button.dataset.at = String(start);
  time.className = "at";
  time.textContent = formatPosition(start);
  words.dir = "auto";
  words.dataset.text = "";
  words.textContent = text;
  button.append(time, ...(speaker ? [speakerName(names[speaker] ?? speaker)] : []), words);
  item.append(button);
  return item;
}

/** @param {string} name */
function speakerName(name) {
  const label = document.createElement("strong");
  label.className = "who";
  label.textContent = name;
  return label;
}

/** Each side of a call has one half of the chart's height. @param {Segment} segment */
function speechShape({ start, end, speaker }) {
  const shape = createRect("said", start, end - start);
  if (speaker) shape.setAttribute("height", String(HEIGHT / 2));
  if (speaker === "agent") shape.setAttribute("y", String(HEIGHT / 2));
  return shape;
}

/** @param {number} seconds */
function formatPosition(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** @param {string} name @param {number} x @param {number} width */
function createRect(name, x, width) {
  const shape = document.createElementNS(SVG, "rect");
  shape.setAttribute("class", name);
  for (const [attribute, value] of Object.entries({ x, y: 0, width, height: HEIGHT }))
    shape.setAttribute(attribute, String(value));
  return shape;
}

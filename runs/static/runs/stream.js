/**
 * One stream of a business's runs for all cards of a page and, where the browser lets tabs agree on one to hold
 * it, for all tabs. It only ever adds to the cards' own asking, which goes on behind it, seldom.
 */

/** @typedef {import("./api.js").Api} Api */
/** @typedef {{hear: (run: any) => void, allTold: () => void, lost: () => void}} Listener */
/** @typedef {Record<string, any> | "all told" | "lost"} News  a run, or how the stream itself does */

const SILENT_MS = 20000; // the server comments every 15 s
const AGAIN_MS = 3000;
const SLOWEST_MS = 60000;
const NEVER = new Set([404, 406]); // not ours to see, or a server that can't: the cards ask by themselves

/** @type {Map<string, Stream>} */
const open = new Map();

/** @param {Api} api @param {string} business @param {Listener} listener @returns {() => void}  stop listening */
export function listen(api, business, listener) {
  const key = [api.base, business, api.lang, api.token].join(" ");
  const stream = open.get(key) ?? new Stream(api, business, key);
  open.set(key, stream);
  stream.listeners.add(listener);
  return () => {
    stream.listeners.delete(listener);
    if (stream.listeners.size > 0) return;
    open.delete(key);
    stream.close();
  };
}

class Stream {
  /** @param {Api} api @param {string} business @param {string} key */
  constructor(api, business, key) {
    this.api = api;
    this.business = business;
    this.key = `unstuck ${key}`;
    /** @type {Set<Listener>} */
    this.listeners = new Set();
    this.lastId = "";
    this.failures = 0;
    this.heard = false;
    this.page = new AbortController();
    const { signal } = this.page;
    // A page that may be put aside gives its place away, and takes one again when it comes back.
    window.addEventListener("pagehide", () => this.leave(), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.enter(), { signal });
    for (const event of ["online", "focus"]) window.addEventListener(event, () => this.hurry?.(), { signal });
    this.enter();
  }

  close() {
    this.page.abort();
    this.leave();
  }

  enter() {
    this.place = new AbortController();
    if (this.api.token || !navigator.locks || !window.BroadcastChannel) return void this.hold(this.place.signal);
    this.channel = new BroadcastChannel(this.key);
    this.channel.onmessage = ({ data }) => this.spread(data);
    navigator.locks
      .request(this.key, { signal: this.place.signal }, () => this.hold(/** @type {any} */ (this.place).signal))
      .catch(() => {}); // given away before it was ours
  }

  leave() {
    this.place?.abort();
    this.channel?.close();
    this.channel = undefined;
  }

  /** Read the stream again and again, for this tab and the others. @param {AbortSignal} signal */
  async hold(signal) {
    while (!signal.aborted) {
      const status = await this.read(signal).catch(() => 0);
      if (this.heard) this.pass("lost");
      this.heard = false;
      if (NEVER.has(status)) return;
      this.failures += 1;
      await this.pause(Math.min(SLOWEST_MS, AGAIN_MS * 2 ** (this.failures - 1)) * (0.5 + Math.random()), signal);
    }
  }

  /** @param {number} ms @param {AbortSignal} signal */
  pause(ms, signal) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.hurry = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
      signal.addEventListener("abort", this.hurry);
    });
  }

  /** Until it ends. @param {AbortSignal} outer @returns {Promise<number>}  the status that it was answered with */
  async read(outer) {
    const patience = new AbortController();
    const signal = AbortSignal.any([outer, patience.signal]);
    let timer = setTimeout(() => patience.abort(), SILENT_MS);
    try {
      const response = await this.api.fetch(this.api.url("runs/stream/", { business: this.business }), {
        signal,
        headers: { Accept: "text/event-stream", ...(this.lastId && { "Last-Event-ID": this.lastId }) },
      });
      if (!response.ok || !response.body) return response.status;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        clearTimeout(timer);
        timer = setTimeout(() => patience.abort(), SILENT_MS);
        const blocks = (rest + part.value).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) this.take(block);
      }
      return response.status;
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {string} block */
  take(block) {
    if (block === ": all told") return this.pass("all told");
    /** @type {Record<string, string>} */
    const said = Object.fromEntries(block.split("\n").map((line) => [line.split(": ", 1)[0], line.slice(line.indexOf(": ") + 2)]));
    if (said.event !== "run") return;
    this.failures = 0;
    this.lastId = said.id;
    this.pass(JSON.parse(said.data));
  }

  /** @param {News} news  for this tab and the others */
  pass(news) {
    this.heard = true;
    this.channel?.postMessage(news);
    this.spread(news);
  }

  /** @param {News} news */
  spread(news) {
    for (const listener of this.listeners) {
      if (news === "all told") listener.allTold();
      else if (news === "lost") listener.lost();
      else listener.hear(news);
    }
  }
}

/**
 * One stream of a business's runs for all cards of a page and, where the browser has locks and channels, for all
 * tabs of the site. The cards go on polling beside it, less often.
 */

/** @typedef {import("./api.js").Api} Api */
/** @typedef {{onRun: (run: any) => void, onCaughtUp: () => void, onLost: () => void}} Subscriber */
/** @typedef {Record<string, any> | "caught up" | "lost"} Update  a run, or what has become of the stream */

const SILENT_MS = 20000; // the server sends a comment every 15 s
const RECONNECT_MS = 3000;
const SLOWEST_MS = 60000;
const PERMANENT = new Set([404, 406]); // not a business of this caller's, or a server that can't stream: cards poll

/** @type {Map<string, RunStream>} */
const streams = new Map();

/** @param {Api} api @param {string} business @param {Subscriber} subscriber @returns {() => void}  unsubscribes */
export function subscribe(api, business, subscriber) {
  const key = [api.base, business, api.lang, api.token].join(" ");
  const stream = streams.get(key) ?? new RunStream(api, business, key);
  streams.set(key, stream);
  stream.subscribers.add(subscriber);
  return () => {
    stream.subscribers.delete(subscriber);
    if (stream.subscribers.size > 0) return;
    streams.delete(key);
    stream.close();
  };
}

class RunStream {
  /** @param {Api} api @param {string} business @param {string} key */
  constructor(api, business, key) {
    this.api = api;
    this.business = business;
    this.key = `unstuck ${key}`;
    /** @type {Set<Subscriber>} */
    this.subscribers = new Set();
    this.lastId = "";
    this.failures = 0;
    this.isConnected = false;
    this.closed = new AbortController();
    const { signal } = this.closed;
    // A page in the back/forward cache must not hold the lock: another tab reads the stream until it comes back.
    window.addEventListener("pagehide", () => this.leave(), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.join(), { signal });
    for (const event of ["online", "focus"]) window.addEventListener(event, () => this.skipWait?.(), { signal });
    this.join();
  }

  close() {
    this.closed.abort();
    this.leave();
  }

  /** Read the stream when the lock is this tab's; until then get its updates from the tab that reads it. */
  join() {
    const left = new AbortController();
    this.left = left;
    if (this.api.token || !navigator.locks || !window.BroadcastChannel) {
      void this.readRepeatedly(left.signal);
      return;
    }
    this.channel = new BroadcastChannel(this.key);
    this.channel.onmessage = ({ data }) => this.notify(data);
    navigator.locks.request(this.key, { signal: left.signal }, () => this.readRepeatedly(left.signal)).catch(() => {}); // aborted before the lock was granted
  }

  leave() {
    this.left?.abort();
    this.channel?.close();
    this.channel = undefined;
  }

  /** @param {AbortSignal} signal */
  async readRepeatedly(signal) {
    while (!signal.aborted) {
      const status = await this.read(signal).catch(() => 0);
      if (this.isConnected) this.publish("lost");
      this.isConnected = false;
      if (PERMANENT.has(status)) return;
      this.failures += 1;
      await this.wait(Math.min(SLOWEST_MS, RECONNECT_MS * 2 ** (this.failures - 1)) * (0.5 + Math.random()), signal);
    }
  }

  /** @param {number} ms @param {AbortSignal} signal */
  wait(ms, signal) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.skipWait = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
      signal.addEventListener("abort", this.skipWait);
    });
  }

  /** Read until the stream ends. @param {AbortSignal} left @returns {Promise<number>}  the response's status */
  async read(left) {
    const silence = new AbortController();
    const signal = AbortSignal.any([left, silence.signal]);
    let timer = setTimeout(() => silence.abort(), SILENT_MS);
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
        timer = setTimeout(() => silence.abort(), SILENT_MS);
        const blocks = (rest + part.value).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) this.parseBlock(block);
      }
      return response.status;
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {string} block  one event of the stream, or a comment */
  parseBlock(block) {
    if (block === ": caught up") {
      this.publish("caught up");
      return;
    }
    const lines = block.split("\n").map((line) => [line.split(": ", 1)[0], line.slice(line.indexOf(": ") + 2)]);
    /** @type {Record<string, string>} */
    const { event, id, data } = Object.fromEntries(lines);
    if (event !== "run") return;
    this.failures = 0;
    this.lastId = id;
    this.publish(JSON.parse(data));
  }

  /** To this tab's cards and to the other tabs. @param {Update} update */
  publish(update) {
    this.isConnected = true;
    this.channel?.postMessage(update);
    this.notify(update);
  }

  /** @param {Update} update */
  notify(update) {
    for (const subscriber of this.subscribers) {
      if (update === "caught up") subscriber.onCaughtUp();
      else if (update === "lost") subscriber.onLost();
      else subscriber.onRun(update);
    }
  }
}

/**
 * Polls until it is stopped. Slower when the page is hidden, when nothing is active and when the server fails; at
 * once when the reader or the network comes back.
 */

const ACTIVE_MS = 2500;
const STREAMED_MS = 5000; // a working run sends an update each second: after so long without one, poll
const STREAMED_IDLE_MS = 30000; // while the stream has nothing to send
const IDLE_MS = 15000;
const HIDDEN_MS = 20000;
const SLOWEST_MS = 20000;
const LATE_AFTER_MS = 3500; // beyond the time when a response was due
const STUCK_AFTER_MS = 3000; // for a request that was under way when the browser froze the page
const SLEPT_MS = 2500; // by how much the wall clock gets ahead of the monotonic one while the machine sleeps

/** @template T */
export class Poller {
  /**
   * @param {object} options
   * @param {(signal: AbortSignal) => Promise<T>} options.fetch
   * @param {(result: T) => void} options.onResult
   * @param {(error: unknown) => void} options.onError
   * @param {(result: T) => boolean} options.isActive
   * @param {(result: T) => boolean} options.isBeating  does a stream send it every second?
   * @param {() => void} options.onTick  every second, since what is shown ages
   */
  constructor({ fetch, onResult, onError, isActive, isBeating, onTick }) {
    this.fetch = fetch;
    this.onResult = onResult;
    this.onError = onError;
    this.isActive = isActive;
    this.isBeating = isBeating;
    this.onTick = onTick;
    this.active = true;
    this.beating = false;
    this.pollAgain = false;
    this.streamedAt = -Infinity;
    this.polledAt = -Infinity;
    this.failures = 0;
    this.updatedAt = performance.now();
    /** @type {{abort: AbortController, since: number} | null} */
    this.pending = null;
    this.timer = 0;
    this.ticker = 0;
    this.clockOffset = 0;
    this.stopped = new AbortController();
  }

  start() {
    this.stopped = new AbortController();
    const { signal } = this.stopped;
    const wake = () => document.visibilityState === "visible" && this.pollNow();
    for (const event of ["visibilitychange", "resume"]) document.addEventListener(event, wake, { signal });
    for (const event of ["online", "offline", "focus", "pageshow"]) window.addEventListener(event, wake, { signal });
    this.clockOffset = Date.now() - performance.now();
    this.ticker = setInterval(() => this.tick(), 1000);
    this.pollNow();
  }

  tick() {
    // The monotonic clock stands still while the machine sleeps. Nothing else here uses the wall clock: it may be wrong.
    const clockOffset = Date.now() - performance.now();
    if (Math.abs(clockOffset - this.clockOffset) > SLEPT_MS) this.pollNow();
    this.clockOffset = clockOffset;
    this.onTick();
  }

  stop() {
    clearInterval(this.ticker);
    this.stopped.abort();
    this.pending?.abort.abort();
    this.pending = null;
    clearTimeout(this.timer);
  }

  /** A response under way may be older than this call, so another request follows it. */
  pollNow() {
    if (this.pending && performance.now() - this.pending.since < STUCK_AFTER_MS) {
      this.pollAgain = true;
      return;
    }
    this.pending?.abort.abort();
    clearTimeout(this.timer);
    void this.poll();
  }

  /** @param {T} result  from here, or from elsewhere, such as the response to a button */
  accept(result) {
    this.failures = 0;
    this.updatedAt = performance.now();
    this.active = this.isActive(result);
    this.beating = this.isBeating(result);
    this.onResult(result);
  }

  /** The stream works and has sent every change until now: polling can wait. */
  streamCaughtUp() {
    this.streamedAt = performance.now();
    this.updatedAt = this.streamedAt;
    this.failures = 0;
    if (!this.pending) this.schedule();
  }

  /** The stream is gone: poll soon, but not from all pages in the same moment. */
  streamLost() {
    this.streamedAt = -Infinity;
    clearTimeout(this.timer);
    if (!this.pending) this.timer = setTimeout(() => void this.poll(), Math.random() * 1000);
  }

  /** However often the stream sends something, its view is checked by a poll at `STREAMED_IDLE_MS`. */
  schedule() {
    clearTimeout(this.timer);
    const checkIn = Math.max(0, this.polledAt + STREAMED_IDLE_MS - performance.now());
    this.timer = setTimeout(() => void this.poll(), this.isStreamed ? Math.min(this.delay, checkIn) : this.delay);
  }

  get isStreamed() {
    return this.failures === 0 && performance.now() - this.streamedAt < STREAMED_IDLE_MS;
  }

  /** Seconds since the last contact with the server, by the page's monotonic clock. */
  get age() {
    return (performance.now() - this.updatedAt) / 1000;
  }

  get isLate() {
    return this.failures > 0 || performance.now() - this.updatedAt > this.delay + LATE_AFTER_MS;
  }

  get delay() {
    if (document.visibilityState === "hidden") return HIDDEN_MS;
    if (this.isStreamed) return this.beating ? STREAMED_MS : STREAMED_IDLE_MS;
    const usual = this.active ? ACTIVE_MS : IDLE_MS;
    return Math.min(SLOWEST_MS, usual * 2 ** Math.min(this.failures, 4));
  }

  async poll() {
    const request = { abort: new AbortController(), since: performance.now() };
    this.polledAt = request.since;
    this.pending = request;
    this.pollAgain = false;
    try {
      const result = await this.fetch(request.abort.signal);
      if (this.pending === request) this.accept(result);
    } catch (error) {
      if (this.pending !== request) return; // a newer request has taken over
      this.failures += 1;
      this.onError(error);
    }
    if (this.pending !== request) return;
    this.pending = null;
    if (this.pollAgain) void this.poll();
    else this.schedule();
  }
}

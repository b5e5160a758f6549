/**
 * Asks again and again, and never stops. Slower when nobody looks, when nothing is going on and when
 * the server fails; at once when the reader or the network comes back.
 */

const ACTIVE_MS = 2500;
const STREAMED_MS = 5000; // between two beats of a run that works; then better ask
const STREAMED_IDLE_MS = 30000; // where the stream has no reason to speak
const IDLE_MS = 15000;
const HIDDEN_MS = 20000;
const SLOWEST_MS = 20000;
const LATE_AFTER_MS = 3500; // beyond the moment when an answer was due
const STUCK_AFTER_MS = 3000; // a request that was under way when the page was frozen
const SLEPT_MS = 2500; // by how much the wall clock gets ahead of the page's own in a sleep

/** @template T */
export class Poll {
  /**
   * @param {object} options
   * @param {(signal: AbortSignal) => Promise<T>} options.ask
   * @param {(answer: T) => void} options.onAnswer
   * @param {(error: unknown) => void} options.onSilence
   * @param {(answer: T) => boolean} options.isActive
   * @param {(answer: T) => boolean} options.beats  is it told of every second or so, by a stream?
   * @param {() => void} options.onTick  every second: what is shown has grown older
   */
  constructor({ ask, onAnswer, onSilence, isActive, beats, onTick }) {
    this.ask = ask;
    this.onAnswer = onAnswer;
    this.onSilence = onSilence;
    this.isActive = isActive;
    this.beats = beats;
    this.onTick = onTick;
    this.active = true;
    this.beating = this.again = false;
    this.streamedAt = this.askedAt = -Infinity;
    this.failures = 0;
    this.answeredAt = performance.now();
    /** @type {{abort: AbortController, since: number} | null} */
    this.pending = null;
    this.timer = 0;
    this.ticker = 0;
    this.offset = 0;
    this.ended = new AbortController();
  }

  start() {
    this.ended = new AbortController();
    const { signal } = this.ended;
    const wake = () => document.visibilityState === "visible" && this.now();
    for (const event of ["visibilitychange", "resume"]) document.addEventListener(event, wake, { signal });
    for (const event of ["online", "offline", "focus", "pageshow"]) window.addEventListener(event, wake, { signal });
    this.offset = Date.now() - performance.now();
    this.ticker = setInterval(() => this.tick(), 1000);
    this.now();
  }

  tick() {
    // The page's own clock stands still while the machine sleeps. The wall clock is asked for nothing else.
    const offset = Date.now() - performance.now();
    if (Math.abs(offset - this.offset) > SLEPT_MS) this.now();
    this.offset = offset;
    this.onTick();
  }

  stop() {
    clearInterval(this.ticker);
    this.ended.abort();
    this.pending?.abort.abort();
    this.pending = null;
    clearTimeout(this.timer);
  }

  /** Ask without waiting for the next turn; once more, where an answer under way may be older than the wish. */
  now() {
    if (this.pending && performance.now() - this.pending.since < STUCK_AFTER_MS) return void (this.again = true);
    this.pending?.abort.abort();
    clearTimeout(this.timer);
    void this.turn();
  }

  /** @param {T} answer  got by another way, such as the answer to a button */
  accept(answer) {
    this.failures = 0;
    this.answeredAt = performance.now();
    this.active = this.isActive(answer);
    this.beating = this.beats(answer);
    this.onAnswer(answer);
  }

  /** The stream was heard: nothing else has changed until now. Asking can wait. */
  streamed() {
    this.streamedAt = this.answeredAt = performance.now();
    this.failures = 0;
    if (!this.pending) this.schedule();
  }

  /** The stream is heard no more: ask soon, though not all pages in the same moment. */
  unstreamed() {
    this.streamedAt = -Infinity;
    clearTimeout(this.timer);
    if (!this.pending) this.timer = setTimeout(() => void this.turn(), Math.random() * 1000);
  }

  /** However much the stream tells: now and then it is checked. */
  schedule() {
    clearTimeout(this.timer);
    const atLast = this.askedAt + STREAMED_IDLE_MS - performance.now();
    this.timer = setTimeout(() => void this.turn(), this.isStreamed ? Math.max(0, Math.min(this.delay, atLast)) : this.delay);
  }

  get isStreamed() {
    return this.failures === 0 && performance.now() - this.streamedAt < STREAMED_IDLE_MS;
  }

  /** Seconds since the server was last heard of, by the page's own monotonic clock. */
  get age() {
    return (performance.now() - this.answeredAt) / 1000;
  }

  get isLate() {
    return this.failures > 0 || performance.now() - this.answeredAt > this.delay + LATE_AFTER_MS;
  }

  get delay() {
    if (document.visibilityState === "hidden") return HIDDEN_MS;
    if (this.isStreamed) return this.beating ? STREAMED_MS : STREAMED_IDLE_MS;
    const usual = this.active ? ACTIVE_MS : IDLE_MS;
    return Math.min(SLOWEST_MS, usual * 2 ** Math.min(this.failures, 4));
  }

  async turn() {
    const turn = { abort: new AbortController(), since: performance.now() };
    this.askedAt = turn.since;
    this.pending = turn;
    this.again = false;
    try {
      const answer = await this.ask(turn.abort.signal);
      if (this.pending === turn) this.accept(answer);
    } catch (error) {
      if (this.pending !== turn) return; // a newer turn has taken over
      this.failures += 1;
      this.onSilence(error);
    }
    if (this.pending !== turn) return;
    this.pending = null;
    if (this.again) return void this.turn();
    this.schedule();
  }
}

// Events wait here, leave in batches, come again when the server is busy or the line is down, and are never sent twice
// as two: each has its id from the moment it happened.

export type Fields = Record<string, unknown>;

/** What the server said. status 0: nothing; retryAfter in seconds, 0 for no word about it. */
export interface Answer {
  status: number;
  retryAfter: number;
}

export interface Transport {
  post(body: string): Promise<Answer>;
  /** Hand a batch to the browser as the page goes; false when it would not take it. */
  beacon(body: string): boolean;
  online(): boolean;
}

export interface Timing {
  now(): number;
  /** In [0, 1). */
  random(): number;
  after(ms: number, work: () => void): unknown;
}

/** Where events wait between two pages, for customers who agreed to be remembered. */
export interface Shelf {
  /** False when nothing may be kept. */
  put(events: Fields[]): boolean;
  take(): Fields[];
}

/** Events of one request. */
export const BATCH = 50;
/** Characters of one request: browsers give a page that closes 64 KiB, and a character has up to three bytes. */
export const LETTERS = 20_000;
/** Events that may wait, here or on the shelf; the oldest go first. */
export const WAITING = 500;
/** Milliseconds an event waits for company. */
export const LINGER = 1_000;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;

/** Whether the same request may do better later. */
const later = (status: number): boolean => status === 0 || status === 408 || status === 429 || status >= 500;

export class Sender {
  private queue: Fields[] = [];
  private busy = false;
  private due = false;
  private paused = false;
  private failures = 0;
  private cleared = 0;

  constructor(
    private readonly transport: Transport,
    private readonly timing: Timing,
    private readonly shelf: Shelf,
  ) {}

  add(events: Fields[]): void {
    this.queue = this.queue.concat(events).slice(-WAITING);
    if (this.queue.length >= BATCH) void this.flush();
    else if (this.queue.length) this.soon(LINGER);
  }

  /** Take up what an earlier page left behind. */
  resume(): void {
    this.add(this.shelf.take());
  }

  async flush(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    while (this.queue.length && !this.paused) await this.next();
    this.busy = false;
  }

  /** The page is hidden, or goes: what waits leaves with it. A beacon that fails is not told of, so that a server which is
   * known to be away gets none as long as the events can wait here or on the shelf. */
  leave(goes: boolean): void {
    if (this.paused && (!goes || this.keep())) return;
    while (this.queue.length) {
      const [batch, body] = this.cut();
      if (!this.transport.online() || !this.transport.beacon(body)) {
        this.queue = batch.concat(this.queue);
        if (goes) this.keep();
        return;
      }
    }
  }

  /** Forget what waits. */
  clear(): void {
    this.queue = [];
    this.cleared += 1;
    this.shelf.take();
  }

  private keep(): boolean {
    const kept = this.shelf.put(this.queue);
    if (kept) this.queue = [];
    return kept;
  }

  private async next(): Promise<void> {
    const cleared = this.cleared;
    const [batch, body] = this.cut();
    const { status, retryAfter } = await this.transport.post(body);
    if (!later(status)) {
      this.failures = 0;
      return;
    }
    if (cleared === this.cleared) this.queue = batch.concat(this.queue).slice(-WAITING);
    const pause = Math.min(FIRST_PAUSE * 2 ** this.failures, LONGEST_PAUSE);
    this.failures += 1;
    this.paused = true;
    // Half to one and a half of it, or all pages of a shop would come back at the same moment.
    this.timing.after(Math.max(pause * (0.5 + this.timing.random()), retryAfter * 1_000), () => {
      this.paused = false;
      void this.flush();
    });
  }

  /** The first batch that waits, and the request that carries it. */
  private cut(): [Fields[], string] {
    let letters = 0;
    let rows = 0;
    while (rows < Math.min(BATCH, this.queue.length)) {
      letters += JSON.stringify(this.queue[rows]).length + 1;
      if (rows && letters > LETTERS) break;
      rows += 1;
    }
    const batch = this.queue.splice(0, rows);
    return [batch, JSON.stringify({ sent_at: this.timing.now(), events: batch })];
  }

  private soon(ms: number): void {
    if (this.due) return;
    this.due = true;
    this.timing.after(ms, () => {
      this.due = false;
      void this.flush();
    });
  }
}

// Who is here, and whether they agreed: nothing is kept in the browser before that but a refusal.

/** What the shop says of consent. required: nothing is sent before it. memory: events are sent, and nobody is known again
 * on the next page. given: the shop has it already. */
export type Policy = "required" | "memory" | "given";

export interface Storage {
  get(name: string): string | null;
  set(name: string, value: string): void;
  remove(name: string): void;
}

const CONSENT = "regard.consent";
const ANONYMOUS = "regard.anonymous";

/** 128 random bits: whoever knows an id of these may speak for it. */
export const randomId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export class Visitor {
  customer: string | null = null;
  private id: string;
  private said: boolean | null;

  constructor(
    private readonly policy: Policy,
    private readonly storage: Storage,
    makeId: () => string = randomId,
  ) {
    const kept = storage.get(CONSENT);
    this.said = kept === null ? null : kept === "1";
    this.id = (this.remembered && storage.get(ANONYMOUS)) || `a-${makeId()}`;
    this.keep();
  }

  /** Whether events may be sent. */
  get sends(): boolean {
    return this.said ?? this.policy !== "required";
  }

  /** What they answered, null for nothing yet. After a no, nothing waits for a change of mind either. */
  get agreed(): boolean | null {
    return this.said;
  }

  /** Whether anything may be kept in the browser. */
  get remembered(): boolean {
    return this.said ?? this.policy === "given";
  }

  get anonymous(): string {
    return this.id;
  }

  consent(agreed: boolean): void {
    this.said = agreed;
    this.storage.set(CONSENT, agreed ? "1" : "0");
    if (!agreed) this.storage.remove(ANONYMOUS);
    this.keep();
  }

  /** Another person from here on. */
  renew(makeId: () => string = randomId): void {
    this.id = `a-${makeId()}`;
    this.customer = null;
    this.keep();
  }

  private keep(): void {
    if (this.remembered) this.storage.set(ANONYMOUS, this.id);
  }
}

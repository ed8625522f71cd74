// What a page can say. Every act has the same shape: what it was done to, then any fields of Regard's events.

import type { Fields, Sender } from "./sender.ts";
import { WAITING } from "./sender.ts";
import { randomId, type Visitor } from "./visitor.ts";

export interface Page {
  path(): string;
  referrer(): string;
  device(): string;
  now(): number;
}

export interface Line extends Fields {
  item: string;
}

export class Regard {
  private held: Fields[] = [];

  constructor(
    private readonly visitor: Visitor,
    private readonly sender: Sender,
    private readonly page_: Page,
    private readonly makeId: () => string = randomId,
  ) {
    if (visitor.remembered) sender.resume();
  }

  page(fields?: Fields): void {
    // Without what follows the '?': addresses carry names, mails and keys there.
    this.track("page_view", { extra: { path: this.page_.path(), referrer: this.page_.referrer() }, ...fields });
  }

  view(item: string, fields?: Fields): void {
    this.track("view_item", { item, ...fields });
  }

  cart(item: string, fields?: Fields): void {
    this.track("add_to_cart", { item, ...fields });
  }

  uncart(item: string, fields?: Fields): void {
    this.track("remove_from_cart", { item, ...fields });
  }

  search(query: string, fields?: Fields): void {
    this.track("search", { query, ...fields });
  }

  /** A paid order; the same order of the same visitor counts once, however often its last page is opened. */
  purchase(order: string, lines: Line[], fields?: Fields): void {
    const who = this.visitor.customer ?? this.visitor.anonymous;
    lines.forEach((line, number) =>
      this.track("purchase", { order, event_id: `${who}/${order}/${number}`, ...fields, ...line }),
    );
  }

  track(behaviour: string, fields?: Fields): void {
    this.send({
      customer: this.visitor.customer ?? this.visitor.anonymous,
      behaviour,
      event_id: this.makeId(),
      time: this.page_.now(),
      channel: "web",
      device: this.page_.device(),
      ...fields,
    });
  }

  /** Events from here on are this customer's; null: nobody's that is known, and no longer the one's before. */
  identify(customer: string | null): void {
    if (customer == null) this.visitor.renew(this.makeId);
    else this.visitor.customer = customer;
  }

  /** What the visitor answered; a page may say it again on every load. */
  consent(agreed: boolean): void {
    if (this.visitor.agreed === agreed) return;
    const sent = this.visitor.sends;
    this.visitor.consent(agreed);
    const word = {
      kind: "identify",
      customer: this.visitor.anonymous,
      traits: { consent: agreed },
      event_id: this.makeId(),
      time: this.page_.now(),
    };
    const held = this.held.splice(0);
    if (agreed) {
      this.sender.add([word, ...held]);
    } else {
      this.sender.clear();
      if (sent) this.sender.add([word]); // they are known to the shop: it has to learn of the refusal
      void this.sender.flush();
    }
  }

  flush(): void {
    void this.sender.flush();
  }

  /** The id of this visitor, for the shop's own server: it may join it to a customer. */
  anonymous(): string {
    return this.visitor.anonymous;
  }

  /** One call as a list, ["view", "pen"]: how a page speaks before this script is there. */
  push(...calls: unknown[][]): void {
    for (const [name, ...args] of calls) {
      const call = (this as unknown as Record<string, unknown>)[String(name)];
      if (typeof call === "function" && OPEN.has(String(name))) call.apply(this, args);
    }
  }

  private send(event: Fields): void {
    if (this.visitor.sends) this.sender.add([event]);
    else if (this.visitor.agreed !== false) this.held = [...this.held, event].slice(-WAITING);
  }
}

const OPEN = new Set(["page", "view", "cart", "uncart", "search", "purchase", "track", "identify", "consent", "flush"]);

// Stand-ins for the browser: a server that answers as told, a clock that is wound by hand, a storage that is a map.

import type { Answer, Fields, Shelf, Timing, Transport } from "../src/sender.ts";
import type { Storage } from "../src/visitor.ts";

export class Server implements Transport {
  answers: Answer[] = [];
  posted: Fields[][] = [];
  beacons: Fields[][] = [];
  bodies: string[] = [];
  connected = true;
  takesBeacons = true;

  post(body: string): Promise<Answer> {
    this.bodies.push(body);
    this.posted.push(JSON.parse(body).events);
    return Promise.resolve(this.answers.shift() ?? { status: 202, retryAfter: 0 });
  }

  beacon(body: string): boolean {
    if (this.takesBeacons) this.beacons.push(JSON.parse(body).events);
    return this.takesBeacons;
  }

  online(): boolean {
    return this.connected;
  }
}

export class Clock implements Timing {
  time = 1_700_000_000_000;
  chance = 0.5;
  alarms: { at: number; work: () => void }[] = [];

  now = (): number => this.time;
  random = (): number => this.chance;

  after(ms: number, work: () => void): void {
    this.alarms.push({ at: this.time + ms, work });
  }

  async pass(ms: number): Promise<void> {
    this.time += ms;
    const due = this.alarms.filter((alarm) => alarm.at <= this.time);
    this.alarms = this.alarms.filter((alarm) => alarm.at > this.time);
    for (const { work } of due) work();
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  }
}

export class Kept implements Shelf {
  events: Fields[] = [];
  allowed = true;
  put(events: Fields[]): boolean {
    if (this.allowed) this.events = [...this.events, ...events];
    return this.allowed;
  }
  take(): Fields[] {
    return this.events.splice(0);
  }
}

export class Memory implements Storage {
  values = new Map<string, string>();
  get = (name: string): string | null => this.values.get(name) ?? null;
  set = (name: string, value: string): void => void this.values.set(name, value);
  remove = (name: string): void => void this.values.delete(name);
}

export const events = (count: number): Fields[] => Array.from({ length: count }, (_, n) => ({ event_id: `e${n}` }));

import assert from "node:assert/strict";
import { test } from "node:test";

import { BATCH, LETTERS, LINGER, Sender, WAITING } from "../src/sender.ts";
import { Clock, events, Kept, Server } from "./fakes.ts";

const made = () => {
  const server = new Server();
  const clock = new Clock();
  const shelf = new Kept();
  return { server, clock, shelf, sender: new Sender(server, clock, shelf) };
};

test("events wait for company and leave together, with the sender's clock", async () => {
  const { server, clock, sender } = made();
  sender.add(events(1));
  sender.add(events(2));
  await clock.pass(LINGER - 1);
  assert.equal(server.posted.length, 0);
  await clock.pass(1);
  assert.deepEqual(server.posted.map((batch) => batch.length), [3]);
  assert.equal(JSON.parse(server.bodies[0] ?? "").sent_at, clock.time);
});

test("a full batch leaves at once, and no request is longer than a leaving page may send", async () => {
  const { server, clock, sender } = made();
  sender.add(events(BATCH));
  await clock.pass(0);
  assert.deepEqual(server.posted.map((batch) => batch.length), [BATCH]);
  sender.add(Array.from({ length: 4 }, () => ({ text: "长".repeat(LETTERS / 2 - 100) })));
  await clock.pass(LINGER);
  assert.deepEqual(server.posted.slice(1).map((batch) => batch.length), [2, 2]);
  assert.ok(server.bodies.every((body) => new TextEncoder().encode(body).length < 65_536));
});

test("a busy server is asked again, later each time, with the same events", async () => {
  const { server, clock, sender } = made();
  server.answers = [503, 0, 500, 429, 202].map((status) => ({ status, retryAfter: 0 }));
  sender.add(events(2));
  await clock.pass(LINGER);
  for (const pause of [1_000, 2_000, 4_000, 8_000]) {
    const before = server.posted.length;
    await clock.pass(pause - 1);
    assert.equal(server.posted.length, before, `nothing before ${pause}`);
    await clock.pass(1);
    assert.equal(server.posted.length, before + 1);
  }
  assert.ok(server.posted.every((batch) => batch.length === 2 && batch[0]?.event_id === "e0"));
  sender.add(events(1));
  await clock.pass(LINGER);
  assert.equal(server.posted.length, 6, "after an answer it starts anew");
});

test("a pause varies, and the server's word is the least of it", async () => {
  const { server, clock, sender } = made();
  clock.chance = 0;
  server.answers = [{ status: 503, retryAfter: 7 }];
  sender.add(events(1));
  await clock.pass(LINGER);
  await clock.pass(6_999);
  assert.equal(server.posted.length, 1);
  await clock.pass(1);
  assert.equal(server.posted.length, 2);
});

test("what the server will not have is not sent again", async () => {
  const { server, clock, sender } = made();
  server.answers = [400, 401, 403, 413, 415, 422, 207].map((status) => ({ status, retryAfter: 0 }));
  for (let n = 1; n <= 7; n++) {
    sender.add(events(1));
    await clock.pass(LINGER);
    assert.equal(server.posted.length, n);
  }
});

test("a page that goes sends what waits by beacon, in batches", () => {
  const { server, sender, shelf } = made();
  sender.add(events(3));
  sender.leave(true);
  sender.leave(true);
  assert.deepEqual(server.beacons.map((batch) => batch.length), [3]);
  assert.deepEqual(shelf.events, []);
});

test("what cannot leave is kept for the next page", async () => {
  const { server, clock, sender, shelf } = made();
  server.takesBeacons = false;
  sender.add(events(3));
  sender.leave(true);
  assert.equal(shelf.events.length, 3);
  const next = made();
  next.shelf.events = shelf.events;
  next.sender.resume();
  await next.clock.pass(LINGER);
  assert.deepEqual(next.server.posted.map((batch) => batch.length), [3]);
  server.takesBeacons = true;
  server.connected = false;
  sender.add(events(1));
  sender.leave(true);
  assert.equal(server.beacons.length, 0, "off the line a beacon would be lost in silence");
  await clock.pass(LINGER);
  assert.equal(server.posted.length, 0);
});

test("only so many wait, the oldest go first", async () => {
  const { server, clock, sender } = made();
  server.answers = Array.from({ length: 3 }, () => ({ status: 0, retryAfter: 0 }));
  sender.add(events(WAITING));
  await clock.pass(0);
  sender.add([{ event_id: "last" }]);
  server.answers = [];
  await clock.pass(60_000);
  const all = server.posted.slice(1).flat();
  assert.equal(all.length, WAITING);
  assert.equal(all.at(-1)?.event_id, "last");
  assert.equal(all[0]?.event_id, "e1");
});

test("what was cleared does not come back with a failed request", async () => {
  const { server, clock, sender } = made();
  server.answers = [{ status: 0, retryAfter: 0 }];
  sender.add(events(1));
  const sent = sender.flush();
  sender.clear();
  await sent;
  await clock.pass(60_000);
  assert.equal(server.posted.length, 1);
});

test("a server that is away gets no beacon as long as events can wait", async () => {
  for (const [goes, allowed, beacons, shelved] of [
    [false, true, 0, 0],
    [true, true, 0, 2],
    [true, false, 1, 0],
  ] as const) {
    const { server, clock, sender, shelf } = made();
    shelf.allowed = allowed;
    server.answers = [{ status: 0, retryAfter: 0 }];
    sender.add(events(2));
    await clock.pass(LINGER);
    sender.leave(goes);
    assert.deepEqual([server.beacons.length, shelf.events.length], [beacons, shelved]);
    await clock.pass(60_000);
    assert.equal(server.posted.length, goes ? 1 : 2, "a hidden page tries again");
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { Regard } from "../src/api.ts";
import { LINGER, Sender } from "../src/sender.ts";
import { type Policy, randomId, Visitor } from "../src/visitor.ts";
import { Clock, Kept, Memory, Server } from "./fakes.ts";

const opened = (policy: Policy, storage = new Memory()) => {
  const server = new Server();
  const clock = new Clock();
  let number = 0;
  const makeId = () => `${number++}`;
  const sender = new Sender(server, clock, new Kept());
  const visitor = new Visitor(policy, storage, randomId);
  const page = { path: () => "/pens", referrer: () => "news.example", device: () => "phone", now: () => clock.time };
  const regard = new Regard(visitor, sender, page, makeId);
  const sent = async () => {
    await clock.pass(LINGER);
    return server.posted.flat();
  };
  return { server, clock, sender, regard, storage, sent };
};

test("an id is 128 random bits", () => {
  assert.match(randomId(), /^[0-9a-f]{32}$/);
  assert.notEqual(randomId(), randomId());
});

test("every act is an event of Regard's names", async () => {
  const { regard, sent, clock } = opened("given");
  regard.page();
  regard.view("pen", { price: 2.5 });
  regard.cart("pen", { quantity: 2 });
  regard.uncart("pen");
  regard.search("ink");
  regard.track("spin_wheel");
  const common = { customer: regard.anonymous(), time: clock.time, channel: "web", device: "phone" };
  assert.deepEqual(await sent(), [
    { ...common, behaviour: "page_view", event_id: "0", extra: { path: "/pens", referrer: "news.example" } },
    { ...common, behaviour: "view_item", event_id: "1", item: "pen", price: 2.5 },
    { ...common, behaviour: "add_to_cart", event_id: "2", item: "pen", quantity: 2 },
    { ...common, behaviour: "remove_from_cart", event_id: "3", item: "pen" },
    { ...common, behaviour: "search", event_id: "4", query: "ink" },
    { ...common, behaviour: "spin_wheel", event_id: "5" },
  ]);
});

test("an order is one purchase per line, and the same again when its page is opened again", async () => {
  const { regard, sent } = opened("given");
  regard.identify("C42");
  regard.purchase("O7", [{ item: "pen", price: 2 }, { item: "ink" }], { campaign: "spring" });
  regard.purchase("O7", [{ item: "pen", price: 2 }, { item: "ink" }], { campaign: "spring" });
  const events = await sent();
  assert.deepEqual(events.map((event) => event.event_id), ["C42/O7/0", "C42/O7/1", "C42/O7/0", "C42/O7/1"]);
  assert.deepEqual(events.map((event) => [event.order, event.item, event.price, event.campaign])[0], ["O7", "pen", 2, "spring"]);
});

test("before consent nothing is sent and nothing is kept in the browser", async () => {
  const { regard, sent, storage, sender, server } = opened("required");
  regard.page();
  regard.view("pen");
  assert.deepEqual(await sent(), []);
  sender.leave(true);
  assert.deepEqual([server.beacons.length, storage.values.size], [0, 0]);
  regard.consent(true);
  const events = await sent();
  assert.deepEqual(events.map((event) => event.kind ?? event.behaviour), ["identify", "page_view", "view_item"]);
  assert.deepEqual([events[0]?.customer, events[0]?.traits], [regard.anonymous(), { consent: true }]);
  assert.equal(storage.get("regard.anonymous"), regard.anonymous());
  regard.consent(true);
  assert.equal((await sent()).length, 3, "said again, it is no news");
});

test("who agreed is known again on the next page, who did not is not", async () => {
  const { regard, storage } = opened("required");
  regard.consent(true);
  assert.equal(opened("required", storage).regard.anonymous(), regard.anonymous());
  const memory = opened("memory");
  memory.regard.view("pen");
  assert.equal((await memory.sent()).length, 1);
  assert.equal(memory.storage.values.size, 0);
  assert.notEqual(opened("memory", memory.storage).regard.anonymous(), memory.regard.anonymous());
});

test("a refusal is kept, clears what waits, and is told to whom it concerns", async () => {
  const { regard, sent, storage } = opened("given");
  regard.view("pen");
  regard.consent(false);
  assert.deepEqual((await sent()).map((event) => [event.kind, event.traits]), [["identify", { consent: false }]]);
  regard.view("ink");
  assert.equal((await sent()).length, 1);
  assert.deepEqual([...storage.values], [["regard.consent", "0"]]);
  const next = opened("given", storage);
  next.regard.view("pen");
  assert.deepEqual(await next.sent(), [], "on the next page, too");
});

test("a refusal before anything was sent stays in the browser", async () => {
  const { regard, sent } = opened("required");
  regard.view("pen");
  regard.consent(false);
  regard.consent(true);
  regard.view("ink");
  assert.deepEqual((await sent()).map((event) => event.kind ?? event.item), ["identify", "ink"]);
});

test("who leaves takes their id along", async () => {
  const { regard, sent } = opened("given");
  const before = regard.anonymous();
  regard.identify("C42");
  regard.view("pen");
  regard.identify(null);
  regard.view("pen");
  const [first, second] = await sent();
  assert.equal(first?.customer, "C42");
  assert.equal(second?.customer, regard.anonymous());
  assert.notEqual(regard.anonymous(), before);
});

test("a page may speak before the script is there, in no other words than the script's", async () => {
  const { regard, sent } = opened("given");
  regard.push(["identify", "C42"], ["view", "pen"], ["constructor"], ["send", { customer: "x" }], ["push", ["view", "x"]]);
  assert.deepEqual((await sent()).map((event) => [event.customer, event.item]), [["C42", "pen"]]);
});

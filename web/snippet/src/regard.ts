// Regard on a shop's page: <script src=".../regard.js" data-key="..." data-consent="required" defer></script>.

import { Regard } from "./api.ts";
import { type Answer, type Fields, Sender, WAITING } from "./sender.ts";
import { type Policy, Visitor } from "./visitor.ts";

const QUEUE = "regard.queue";
/** Characters up to which a browser lets a request outlive its page, see LETTERS. */
const LASTING = 21_000;

// Browsers that forbid storage throw at the first touch.
const quietly = <T>(work: () => T, otherwise: T): T => {
  try {
    return work();
  } catch {
    return otherwise;
  }
};

const storage = {
  get: (name: string) => quietly(() => localStorage.getItem(name), null),
  set: (name: string, value: string) => quietly(() => localStorage.setItem(name, value), undefined),
  remove: (name: string) => quietly(() => localStorage.removeItem(name), undefined),
};

const start = (script: HTMLScriptElement): void => {
  const { key = "", consent = "required", page = "auto" } = script.dataset;
  // A beacon has no headers, so the key stands in the address. It is no secret: it stands in the page as well.
  const server = new URL(`v1/events?key=${encodeURIComponent(key)}`, script.src).href;
  const signals = navigator as Navigator & { globalPrivacyControl?: boolean; doNotTrack?: string | null };
  const asked = signals.globalPrivacyControl || signals.doNotTrack === "1";
  const policy: Policy = !asked && (consent === "memory" || consent === "given") ? consent : "required";
  const visitor = new Visitor(policy, storage);

  const transport = {
    // text/plain travels without a question beforehand, so that one request is one request.
    post: (body: string): Promise<Answer> =>
      fetch(server, { method: "POST", body, keepalive: body.length < LASTING, credentials: "omit", mode: "cors" }).then(
        (answer) => ({ status: answer.status, retryAfter: Number(answer.headers.get("Retry-After")) || 0 }),
        () => ({ status: 0, retryAfter: 0 }),
      ),
    beacon: (body: string): boolean =>
      navigator.sendBeacon
        ? navigator.sendBeacon(server, body)
        : (void fetch(server, { method: "POST", body, keepalive: true, credentials: "omit" }).catch(() => 0), true),
    online: () => navigator.onLine,
  };
  const shelf = {
    take: (): Fields[] => {
      const kept = storage.get(QUEUE);
      storage.remove(QUEUE);
      const events: unknown = quietly(() => JSON.parse(kept ?? "[]"), []);
      return Array.isArray(events) ? events : [];
    },
    put: (events: Fields[]): boolean => {
      if (visitor.remembered) storage.set(QUEUE, JSON.stringify([...shelf.take(), ...events].slice(-WAITING)));
      return visitor.remembered;
    },
  };
  const timing = { now: Date.now, random: Math.random, after: (ms: number, work: () => void) => setTimeout(work, ms) };
  const sender = new Sender(transport, timing, shelf);
  const regard = new Regard(visitor, sender, {
    path: () => location.pathname,
    referrer: () => quietly(() => new URL(document.referrer).host, ""),
    device: () => (/Mobi|Android/i.test(navigator.userAgent) ? "phone" : "desktop"),
    now: Date.now,
  });

  const page_ = window as unknown as { regard?: unknown };
  const waiting = page_.regard;
  page_.regard = regard;
  if (Array.isArray(waiting)) regard.push(...waiting); // it may say who is here, so it comes before the page's view
  if (page === "auto") regard.page();
  addEventListener("pagehide", () => sender.leave(true));
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && sender.leave(false));
  addEventListener("online", () => regard.flush());
};

const script = document.currentScript ?? document.querySelector("script[data-key][src*='regard']");
if (script instanceof HTMLScriptElement) start(script);

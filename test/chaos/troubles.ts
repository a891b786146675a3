import { CRASH_POINTS, type CrashPoint } from "../../src/crash-points.ts";
import type { Choice } from "./operations/operation.ts";
import type { World } from "./world.ts";

/** What goes wrong from a step on. It lasts until the end of the history, or as long as it says. */
export type Trouble = (world: World, choice: Choice) => Promise<unknown>;

const choose = <T>(from: readonly T[], pick: number): T => from[pick % from.length] as T;
const PATHS = [
  "/v1/*",
  "/v1/customers*",
  "/v1/checkout/sessions*",
  "/v1/subscriptions/*",
  "/v1/invoices/*",
  "/v1/payment_intents/*",
  "/v1/charges*",
];

const calls = (world: World, fault: object) => world.control("faults", { calls: [fault] });
const webhooks = (world: World, fault: object) => world.control("faults", { webhooks: fault });

/** Everything that may go wrong, and how often: a new kind of trouble is a line here. */
export const TROUBLES: Record<string, { weight: number; run: Trouble }> = {
  "webhooks are dropped, and sent again": {
    weight: 3,
    run: (world) => webhooks(world, { drop: 0.5 }),
  },
  "webhooks are repeated": { weight: 3, run: (world) => webhooks(world, { duplicate: 2 }) },
  "webhooks are shuffled": { weight: 4, run: (world) => webhooks(world, { reorder: true }) },
  "webhooks are late, shuffled, repeated and dropped": {
    weight: 4,
    run: (world, { pick }) =>
      webhooks(world, { reorder: true, duplicate: 1, drop: 0.3, delayMs: 20 * (pick % 5) }),
  },
  "webhooks never arrive": { weight: 2, run: (world) => world.webhooksArrive(false) },
  "webhooks arrive again": { weight: 1, run: (world) => world.webhooksArrive(true) },
  "Stripe fails before it does anything": {
    weight: 3,
    run: (world, { pick }) =>
      calls(world, {
        method: "*",
        path: choose(PATHS, pick),
        ...{ times: 1 + (pick % 6), share: 0.5, when: "before" },
        status: choose([500, 502, 409, "reset"], pick),
      }),
  },
  "Stripe fails after it has done it": {
    weight: 4,
    run: (world, { pick, flag }) =>
      calls(world, {
        method: flag ? "POST" : "*",
        path: choose(PATHS, pick),
        ...{ times: 1 + (pick % 4), when: "after" },
        status: choose([500, "reset", 503], pick),
      }),
  },
  "Stripe keeps a failure of its own": {
    weight: 2,
    run: (world, { pick, flag }) =>
      calls(world, {
        method: "POST",
        path: choose(["/v1/customers", "/v1/checkout/sessions", "/v1/checkout/sessions/*"], pick),
        ...{ times: 1, status: 500, when: flag ? "after" : "before", kept: true },
      }),
  },
  "Stripe hangs": {
    weight: 2,
    run: (world, { pick, flag }) =>
      calls(world, {
        method: "*",
        path: choose(PATHS, pick),
        ...{ times: 1 + (pick % 3), status: "timeout", when: flag ? "after" : "before" },
      }),
  },
  "Stripe says: too many": {
    weight: 2,
    run: (world, { pick }) =>
      calls(world, {
        method: "*",
        path: choose(PATHS, pick),
        ...{ times: 1 + (pick % 4), status: 429 },
        ...(pick % 2 && { code: "lock_timeout" }),
      }),
  },
  "Redis goes away": {
    weight: 3,
    run: async (world) => world.host.reachRedis(false),
  },
  "Redis is back": { weight: 2, run: async (world) => world.host.reachRedis(true) },
  "the process dies now": { weight: 3, run: (world) => world.host.crash() },
  "the process dies at a point": {
    weight: 9,
    run: async (world, { pick }) => world.host.crashAt(pointOf(pick), 1 + (pick % 3)),
  },
};

/** Those after which nobody is there until the service is started again. */
export const DEATHS = ["the process dies at a point", "the process dies at a point", "the process dies now"];

/** The point that a number stands for. */
export const pointOf = (pick: number): CrashPoint => choose(CRASH_POINTS, pick);

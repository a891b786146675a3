import { advanceTestClock } from "../billing/test-clocks.ts";
import { DAY_SECONDS } from "../clock.ts";
import { type HttpReply, json } from "../http.ts";
import type { Kinds } from "../kinds.ts";
import { number, text } from "../params.ts";
import type { World } from "../world.ts";
import { type ControlRoute, control } from "./route.ts";

/** How long `GET /sandbox/time?changed_from=…` waits for a change. */
const LONG_POLL_MS = 25_000;

const amount = number({ min: 0 });

export const timePaths: ControlRoute[] = [
  control("GET", "time", { changed_from: number() }, async (world, { changed_from }) => {
    if (changed_from === world.clock.offsetMs / 1000) await change(world);
    return timeReply(world);
  }),
  control(
    "POST",
    "advance",
    { days: amount, hours: amount, seconds: amount, clock: text() },
    (world, { days = 0, hours = 0, seconds = 0, clock }) => {
      const by = days * DAY_SECONDS + hours * 3600 + seconds;
      if (clock) return json(200, moveTestClock(world, clock, Math.round(by)));
      world.advance(Math.round(by * 1000));
      return timeReply(world);
    },
  ),
];

function timeReply(world: World): HttpReply {
  const now = world.clock.nowMs();
  return json(200, {
    now: new Date(now).toISOString(),
    unix: Math.floor(now / 1000),
    offsetSeconds: world.clock.offsetMs / 1000,
  });
}

/** Resolves when the offset changes, or nobody should wait longer. */
function change(world: World): Promise<void> {
  return new Promise<void>((resolve) => {
    // A waiting reader does not keep a closed sandbox's process alive.
    const timer = setTimeout(done, LONG_POLL_MS).unref();
    const stop = world.clock.onChange(done);
    function done() {
      clearTimeout(timer);
      stop();
      resolve();
    }
  });
}

/** Moves one test clock forward, and returns it when it has arrived. */
export function moveTestClock(world: World, id: string, seconds: number): Kinds["test_helpers.test_clock"] {
  world.act(id, (tx) => {
    const clock = tx.need("test_helpers.test_clock", id);
    return advanceTestClock(tx, clock, clock.frozen_time + seconds);
  });
  world.arrive(id);
  return world.store.get("test_helpers.test_clock", id)!;
}

import { advanceTestClock } from "./billing/test-clocks.ts";
import type { Kinds } from "./kinds.ts";
import type { World } from "./world.ts";

/** Moves one test clock forward, and returns it when it has arrived. */
export function moveTestClock(world: World, id: string, seconds: number): Kinds["test_helpers.test_clock"] {
  world.act(id, (tx) => {
    const clock = tx.need("test_helpers.test_clock", id);
    return advanceTestClock(tx, clock, clock.frozen_time + seconds);
  });
  world.arrive(id);
  return world.store.get("test_helpers.test_clock", id)!;
}

import type { Redis } from "ioredis";
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { Config } from "../config.ts";
import { RateLimited } from "../errors.ts";
import { giveUpIfFrozen } from "../events/redis.ts";
import type { Metrics } from "../metrics.ts";
import { RATE_CLASSES, type RateClass } from "./classes.ts";
import { ReadCounts } from "./read-counts.ts";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
/** In seconds. Codes are to be guessed by nobody, so that a day has to have few of them. */
export const WINDOWS: Readonly<Record<RateClass, number>> = {
  reads: MINUTE,
  mutations: MINUTE,
  checkouts: MINUTE,
  codes: HOUR,
};

/** Counts one call: settles when it may be. @throws RateLimited */
type Counter = (caller: string) => void | Promise<void>;

/**
 * How much a caller may ask for within a window, in all processes together (docs/decisions/0023). Reads are counted in
 * this process and settled in the background; everything else asks Redis before anything is done, and while Redis is
 * away a limit of this process insures it: nothing is refused because Redis is gone.
 */
export class RateLimits {
  private readonly counters: Partial<Record<RateClass, Counter>> = {};

  constructor(
    private readonly redis: Redis,
    limits: Config["rateLimits"],
    private readonly metrics: Metrics,
  ) {
    for (const name of RATE_CLASSES) {
      metrics.rateLimited.inc({ class: name }, 0);
      if (limits[name] > 0)
        this.counters[name] =
          name === "reads" ? this.locally(limits.reads) : this.together(name, limits[name]);
    }
  }

  /**
   * Counts a call in each of its classes, one after the other; the first that is used up refuses it. A caller without a
   * name (staff, a trusted proxy by itself) is not counted. Gives a promise only where Redis was asked.
   * @throws RateLimited
   */
  admit(caller: string | undefined, classes: readonly RateClass[]): void | Promise<void> {
    if (caller === undefined) return undefined;
    return classes.reduce<void | Promise<void>>((before, name) => {
      const count = this.counters[name];
      if (!count) return before;
      return before ? before.then(() => count(caller)) : count(caller);
    }, undefined);
  }

  private locally(limit: number): Counter {
    const counts = new ReadCounts(this.redis, limit, WINDOWS.reads, prefixOf("reads"));
    return (caller) => {
      const wait = counts.take(caller);
      if (wait > 0) throw this.refusal("reads", wait);
    };
  }

  private together(name: RateClass, points: number): Counter {
    const window = { points, duration: WINDOWS[name], keyPrefix: prefixOf(name) };
    // once used up it is refused here until the window ends, without asking again
    const shared = new RateLimiterRedis({
      ...window,
      storeClient: this.redis,
      inMemoryBlockOnConsumed: points,
    });
    const own = new RateLimiterMemory(window);
    const refuse = (reason: unknown) => {
      if (reason instanceof RateLimiterRes) throw this.refusal(name, reason.msBeforeNext);
    };
    return async (caller) => {
      try {
        await shared.consume(caller);
      } catch (reason) {
        refuse(reason);
        giveUpIfFrozen(this.redis, reason);
        await own.consume(caller).catch(refuse);
      }
    };
  }

  private refusal(name: RateClass, waitMs: number): RateLimited {
    this.metrics.rateLimited.inc({ class: name });
    return new RateLimited("This is asked too often. Wait before you try again.", Math.ceil(waitMs / 1_000));
  }
}

const prefixOf = (name: RateClass) => `payment:rate:${name}`;

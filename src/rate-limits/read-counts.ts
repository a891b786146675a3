import type { Redis } from "ioredis";
import { LRUCache } from "lru-cache";
import { RateLimiterRedis } from "rate-limiter-flexible";
import { giveUpIfFrozen } from "../events/redis.ts";

/** The part of a limit that a process counts by itself before it tells the others. */
const SHARE = 1 / 50;
/** Callers that are remembered; those seen longest ago are forgotten. */
const MOST_CALLERS = 50_000;
/** For so long a process counts alone before it turns to Redis again. */
const RETRY_MS = 1_000;

interface Count {
  /** By all processes, as Redis said last. */
  settled: number;
  /** By this process since then. */
  own: number;
  /** When the window ends, on this process's clock. */
  endsAt: number;
  isSettling: boolean;
  /** Not before then, after Redis has not answered. */
  settlesFrom: number;
}

/**
 * Counts that nobody waits for. Each process counts by itself, and tells Redis in the background whenever it has used
 * up a fiftieth of the limit, by which it also learns of what others have counted: a caller may exceed the limit by that
 * share for each process. Callers who ask little never reach Redis. While Redis is away each process counts alone.
 */
export class ReadCounts {
  private readonly counts = new LRUCache<string, Count>({ max: MOST_CALLERS });
  private readonly shared: RateLimiterRedis;
  private readonly share: number;

  constructor(
    private readonly redis: Redis,
    private readonly limit: number,
    private readonly windowSeconds: number,
    keyPrefix: string,
  ) {
    this.shared = new RateLimiterRedis({
      storeClient: redis,
      points: limit,
      duration: windowSeconds,
      keyPrefix,
    });
    this.share = Math.max(1, Math.floor(limit * SHARE));
  }

  /** Counts one: 0 when it may be, else the milliseconds after which it may. */
  take(caller: string): number {
    const now = Date.now();
    let count = this.counts.get(caller);
    if (!count || count.endsAt <= now) {
      count = {
        settled: 0,
        own: 0,
        endsAt: now + this.windowSeconds * 1_000,
        isSettling: false,
        settlesFrom: 0,
      };
      this.counts.set(caller, count);
    }
    if (count.settled + count.own >= this.limit) return count.endsAt - now;
    count.own++;
    if (count.own >= this.share && !count.isSettling && count.settlesFrom <= now)
      void this.settle(caller, count);
    return 0;
  }

  private async settle(caller: string, count: Count): Promise<void> {
    const told = count.own;
    count.isSettling = true;
    try {
      const { consumedPoints, msBeforeNext } = await this.shared.penalty(caller, told);
      count.settled = consumedPoints;
      count.endsAt = Date.now() + msBeforeNext;
      count.own -= told;
    } catch (error) {
      giveUpIfFrozen(this.redis, error);
      count.settlesFrom = Date.now() + RETRY_MS;
    }
    count.isSettling = false;
  }
}

import type { Redis } from "ioredis";
import { Gathering } from "../gathering.ts";

/** Who asks: somebody who waits, or a job that can wait. */
export type Urgency = "request" | "job";

const KEY = "payment:stripe-budget";
/** The share of the bucket that jobs leave for requests. */
const RESERVE = 0.3;
const REDIS_PAUSE_MS = 1_000;
/** Calls that are asked for at the same time ask the bucket once. */
const TOGETHER = { most: 100, underWay: 2 };

/**
 * Stripe's rate limit as one budget of all replicas: a bucket of a second's calls in Redis, refilled steadily, of
 * which jobs leave a part for requests. While Redis is away each replica keeps to a bucket of its own, so that
 * the limit may be exceeded as many times as there are replicas; Stripe's 429 is then retried.
 */
export class CallBudget {
  private readonly own: LocalBucket;
  private readonly asks: Record<Urgency, Gathering<null, number>>;
  private redisAwayUntil = 0;

  constructor(
    private readonly redis: Redis,
    private readonly perSecond: number,
  ) {
    this.own = new LocalBucket(perSecond);
    const asking = (reserve: number) =>
      new Gathering((calls: null[]) => this.ask(calls.length, reserve), TOGETHER);
    // a bucket of one call has none to leave
    this.asks = { request: asking(0), job: asking(Math.min(perSecond * RESERVE, perSecond - 1)) };
  }

  /** Waits until a call may be made. Returns the milliseconds waited, or null when that would be after `deadline`. */
  async take(urgency: Urgency, deadline: number): Promise<number | null> {
    const began = Date.now();
    for (;;) {
      const wait = await this.asks[urgency].ask(null);
      const now = Date.now();
      if (wait <= 0) return now - began;
      if (now + wait > deadline) return null;
      // jitter, so that those who wait do not come back all at once
      await new Promise((resolve) => setTimeout(resolve, wait * (1 + Math.random() / 2)));
    }
  }

  /** Takes so many calls out of the bucket: for each 0, or in how many milliseconds there may be one. */
  private async ask(calls: number, reserve: number): Promise<number[]> {
    const each = <T>(answer: (at: number) => T) => Array.from({ length: calls }, (_, at) => answer(at));
    if (Date.now() < this.redisAwayUntil) return each(() => this.own.ask(reserve));
    try {
      const given = await this.redis.eval(BUCKET, 1, KEY, this.perSecond, reserve, calls);
      const [taken, wait] = given as [number, number];
      return each((at) => (at < taken ? 0 : wait));
    } catch {
      this.redisAwayUntil = Date.now() + REDIS_PAUSE_MS;
      return each(() => this.own.ask(reserve));
    }
  }
}

/** On Redis's own clock, which is the same for all replicas. */
const BUCKET = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local rate, reserve, asked = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
  local kept = redis.call('HMGET', KEYS[1], 'calls', 'at')
  local calls, at = tonumber(kept[1]) or rate, tonumber(kept[2]) or now
  calls = math.min(rate, calls + math.max(0, now - at) * rate / 1000)
  local taken = math.max(0, math.min(asked, math.floor(calls - reserve)))
  calls = calls - taken
  local wait = math.max(1, math.ceil((1 + reserve - calls) * 1000 / rate))
  redis.call('HSET', KEYS[1], 'calls', tostring(calls), 'at', now)
  redis.call('PEXPIRE', KEYS[1], 5000)
  return {taken, wait}`;

class LocalBucket {
  private calls: number;
  private at = Date.now();

  constructor(private readonly rate: number) {
    this.calls = rate;
  }

  ask(reserve: number): number {
    const now = Date.now();
    this.calls = Math.min(this.rate, this.calls + (Math.max(0, now - this.at) * this.rate) / 1000);
    this.at = now;
    if (this.calls - reserve < 1) return Math.ceil(((1 + reserve - this.calls) * 1000) / this.rate);
    this.calls -= 1;
    return 0;
  }
}

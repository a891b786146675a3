import type { Redis } from "ioredis";

/** Who asks: somebody who waits, or a job that can wait. */
export type Urgency = "request" | "job";

const KEY = "payment:stripe-budget";
/** The share of the bucket that jobs leave for requests. */
const RESERVE = 0.3;
const REDIS_PAUSE_MS = 1_000;

/**
 * Stripe's rate limit as one budget of all replicas: a bucket of a second's calls in Redis, refilled steadily, of
 * which jobs leave a part for requests. While Redis is away each replica keeps to a bucket of its own, so that
 * the limit may be exceeded as many times as there are replicas; Stripe's 429 is then retried.
 */
export class CallBudget {
  private readonly own: LocalBucket;
  private redisAwayUntil = 0;

  constructor(
    private readonly redis: Redis,
    private readonly perSecond: number,
  ) {
    this.own = new LocalBucket(perSecond);
  }

  /** Waits until a call may be made. Returns the milliseconds waited, or null when that would be after `deadline`. */
  async take(urgency: Urgency, deadline: number): Promise<number | null> {
    const began = Date.now();
    const reserve = urgency === "job" ? this.perSecond * RESERVE : 0;
    for (;;) {
      const wait = await this.ask(reserve);
      const now = Date.now();
      if (wait <= 0) return now - began;
      if (now + wait > deadline) return null;
      // jitter, so that those who wait do not come back all at once
      await new Promise((resolve) => setTimeout(resolve, wait * (1 + Math.random() / 2)));
    }
  }

  /** Takes one call out of the bucket, or tells in how many milliseconds there may be one. */
  private async ask(reserve: number): Promise<number> {
    if (Date.now() < this.redisAwayUntil) return this.own.ask(reserve);
    try {
      return Number(await this.redis.eval(BUCKET, 1, KEY, this.perSecond, reserve));
    } catch {
      this.redisAwayUntil = Date.now() + REDIS_PAUSE_MS;
      return this.own.ask(reserve);
    }
  }
}

/** On Redis's own clock, which is the same for all replicas. */
const BUCKET = `
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local rate, reserve = tonumber(ARGV[1]), tonumber(ARGV[2])
  local kept = redis.call('HMGET', KEYS[1], 'calls', 'at')
  local calls, at = tonumber(kept[1]) or rate, tonumber(kept[2]) or now
  calls = math.min(rate, calls + math.max(0, now - at) * rate / 1000)
  local wait = 0
  if calls - reserve >= 1 then calls = calls - 1
  else wait = math.ceil((1 + reserve - calls) * 1000 / rate) end
  redis.call('HSET', KEYS[1], 'calls', tostring(calls), 'at', now)
  redis.call('PEXPIRE', KEYS[1], 5000)
  return wait`;

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

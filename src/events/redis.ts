import { Redis } from "ioredis";

/** Makes one new connection a call; tests and development may give another kind of client. */
export type RedisFactory = () => Redis;

const MAX_PAUSE_MS = 1_000;

/**
 * Connections that come back by themselves. Commands fail at once while Redis is away, since everything that
 * matters waits in PostgreSQL; channels subscribed to are subscribed again.
 */
export function redisFactory(url: string): RedisFactory {
  return () => {
    const redis = new Redis(url, {
      maxRetriesPerRequest: 0,
      connectTimeout: 2_000,
      retryStrategy: (tries) => Math.min(50 * tries, MAX_PAUSE_MS),
    });
    // ioredis reports every failed attempt; readiness and health tell what matters
    redis.on("error", () => {});
    return redis;
  };
}

/** Where a user's live subscriptions listen. The braces keep all keys of a user on one node of a cluster. */
export const userChannel = (userId: string) => `payment:{${userId}}:events`;

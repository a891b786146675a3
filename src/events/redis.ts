import { Redis } from "ioredis";
import type { Logger } from "../logger.ts";
import { Outage } from "../outage.ts";

/**
 * What a connection is for.
 * - `commands`: sending. Fails at once while Redis is away and after a moment while it hangs, since everything that
 *   matters waits in PostgreSQL and nobody else is to wait for it
 * - `cache`: the same, for what somebody waits for who can be answered without Redis
 * - `channels`: listening. Waits for as long as it takes, and listens again to what it listened to
 */
export type RedisUse = "commands" | "cache" | "channels";

/** Makes one new connection a call; tests and development may give another kind of client. */
export type RedisFactory = (use: RedisUse) => Redis;

const MAX_PAUSE_MS = 1_000;
const COMMAND_TIMEOUT_MS = 2_000;
const CACHE_TIMEOUT_MS = 500;
/** A host that is gone without a word is noticed some seconds after this silence. */
const KEEP_ALIVE_MS = 10_000;

const AT_ONCE = { maxRetriesPerRequest: 0, enableOfflineQueue: false };
const OPTIONS = {
  commands: { ...AT_ONCE, commandTimeout: COMMAND_TIMEOUT_MS },
  cache: { ...AT_ONCE, commandTimeout: CACHE_TIMEOUT_MS },
  channels: { maxRetriesPerRequest: null },
};

/** Connections that come back by themselves. The log hears once for all of them. */
export function redisFactory(url: string, logger: Logger): RedisFactory {
  const outage = new Outage("Redis", logger);
  return (use) => {
    const redis = new Redis(url, {
      ...OPTIONS[use],
      connectTimeout: COMMAND_TIMEOUT_MS,
      keepAlive: KEEP_ALIVE_MS,
      retryStrategy: (tries) => Math.min(50 * tries, MAX_PAUSE_MS),
    });
    redis.on("error", (error) => outage.failed(error)); // at every attempt
    redis.on("ready", () => outage.ended());
    return redis;
  };
}

/**
 * Has all commands that `send` sends written at once. Not by a pipeline of the client's: each has an accessor of its own,
 * for which V8 keeps it, with all of its answers, until the old space is swept (docs/decisions/0019).
 */
export function byOneWrite<T>(redis: Redis, send: () => T): T {
  // none before the first connection; development's stand-in has none at all
  const stream: Redis["stream"] | undefined = redis.stream;
  stream?.cork();
  try {
    return send();
  } finally {
    stream?.uncork();
  }
}

/**
 * After a command that Redis took and did not answer, gives the connection up. A new one is not ready before Redis
 * answers again: until then commands fail at once instead of each waiting its two seconds, and none pile up.
 */
export function giveUpIfFrozen(redis: Redis, error: unknown): void {
  // once, however many commands were under way: each further time would wait for the same connection's end
  if (!wasNotAnswered(error) || givenUp.has(redis)) return;
  givenUp.add(redis);
  redis.once("close", () => givenUp.delete(redis));
  redis.disconnect(true);
}

const givenUp = new WeakSet<Redis>();

/** Whether Redis took a command and said nothing in time. */
export const wasNotAnswered = (error: unknown): boolean =>
  error instanceof Error && error.message === "Command timed out";

/** Where a user's live subscriptions listen. The braces keep all keys of a user on one node of a cluster. */
export const userChannel = (userId: string) => `payment:{${userId}}:events`;

import { RedisPubSub } from "graphql-redis-subscriptions";
import type { Redis } from "ioredis";
import type { Logger } from "../logger.ts";

/**
 * RedisPubSub over one connection, which only listens. The library leaves the promises of SUBSCRIBE and UNSUBSCRIBE
 * to nobody, and a rejected promise that nobody heeds ends a process; so it is given not the connection but the four
 * things it uses of one, of which none is ever rejected: what Redis refuses is logged and stays unanswered.
 */
export function channelsOver(redis: Redis, logger: Logger): RedisPubSub {
  const refused = (error: unknown) => logger.warn({ err: error }, "Redis does not let us listen");
  const listening = {
    on: redis.on.bind(redis),
    subscribe: (channel: string, answered: (error: null) => void) =>
      redis.subscribe(channel).then(() => answered(null), refused),
    unsubscribe: (channel: string) => redis.unsubscribe(channel).catch(() => {}),
    punsubscribe: () => {},
  } as unknown as Redis;
  return new RedisPubSub({ publisher: listening, subscriber: listening });
}

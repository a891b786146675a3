import { Repeater } from "@repeaterjs/repeater";
import type { RedisPubSub } from "graphql-redis-subscriptions";
import type { Redis } from "ioredis";
import type { Caller } from "../auth/caller.ts";
import { atMoment, type Clock } from "../clock.ts";
import { Unauthenticated } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import { channelsOver } from "./channels.ts";
import { type RedisFactory, userChannel } from "./redis.ts";

/** How long a new subscription waits for Redis before it shows the state without it. */
const SUBSCRIBE_WAIT_MS = 1_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * What a live subscription reads when it begins and at each signal: what is new, in order. It may name the next
 * moment at which time alone makes something new; then it reads again.
 */
export type ReadNews<T> = (nextAt: (moment: Date | null) => void) => AsyncIterable<T>;

/**
 * Live subscriptions. A message on the user's channel is only a signal: what is sent to the client is read from
 * the database, so that nothing falls between query and subscription, a slow client holds no queue, and whatever
 * was missed while Redis was away arrives when it is back.
 */
export class LiveFeed {
  private readonly redis: Redis;
  private readonly channels: RedisPubSub;
  private readonly signals = new Set<Signal>();
  private readonly running = new Map<() => void, Promise<void>>();

  constructor(
    redis: RedisFactory,
    private readonly metrics: Metrics,
    logger: Logger,
    private readonly clock: Clock,
  ) {
    this.redis = redis("channels");
    this.channels = channelsOver(this.redis, logger);
    const raiseAll = () => {
      for (const signal of this.signals) signal.raise();
    };
    // after a reconnect nobody knows what was missed, so everyone looks: once the channels are listened to again,
    // which is when an answer comes to what was sent behind them
    this.redis.on("ready", () => void this.redis.ping().then(raiseAll, raiseAll));
  }

  /** A source that ends with the caller's token, by Unauthenticated. It subscribes first, then reads. */
  source<T>(caller: Caller, userId: string, readNews: ReadNews<T>): Repeater<T> {
    return new Repeater<T>(async (push, stop) => {
      const signal = new Signal();
      let running = true;
      const hasEnded = this.run(() => stop());
      stop.then(() => {
        running = false;
        signal.raise();
      });
      const left = timeLeft(caller);
      // one that ends after the longest timer is asked to subscribe again, with the same token
      const timer = setTimeout(() => stop(left < LONGEST_TIMER_MS ? new Expired() : undefined), left);
      const { isHeard, leave } = this.listen(userId, signal);
      let callOff = () => {};
      const nextAt = (moment: Date | null) => {
        callOff();
        callOff = moment ? atMoment(this.clock, moment, () => signal.raise()) : () => {};
      };
      try {
        await isHeard;
        while (running) {
          for await (const news of readNews(nextAt)) {
            if (!running) break;
            await push(news);
          }
          await signal.raised();
        }
      } finally {
        clearTimeout(timer);
        callOff();
        leave();
        hasEnded();
      }
    });
  }

  /** Ends every source, and waits for what each is reading: the database is closed next. */
  async close(): Promise<void> {
    for (const end of this.running.keys()) end();
    await Promise.all(this.running.values());
    this.redis.disconnect();
  }

  /** Keeps a source among those that run, until what it returns is called. */
  private run(end: () => void): () => void {
    let hasEnded = () => {};
    const ended = new Promise<void>((resolve) => {
      hasEnded = resolve;
    });
    this.running.set(end, ended);
    return () => {
      this.running.delete(end);
      hasEnded();
    };
  }

  /** Raises the signal at each message. `isHeard` once Redis listens, or has taken too long; then it raises it late. */
  private listen(userId: string, signal: Signal): { isHeard: Promise<void>; leave: () => void } {
    this.signals.add(signal);
    this.metrics.liveSubscriptions.inc();
    const subscribed = this.channels.subscribe(userChannel(userId), () => signal.raise());
    const isHeard = new Promise<void>((resolve) => {
      const late = setTimeout(() => {
        resolve();
        // what was published in between was not heard
        void subscribed.then(() => signal.raise());
      }, SUBSCRIBE_WAIT_MS);
      void subscribed.then(() => {
        clearTimeout(late);
        resolve();
      });
    });
    const leave = () => {
      this.signals.delete(signal);
      this.metrics.liveSubscriptions.dec();
      void subscribed.then((id) => this.channels.unsubscribe(id));
    };
    return { isHeard, leave };
  }
}

const timeLeft = ({ expiresAt }: Caller) =>
  Math.min(expiresAt ? Math.max(0, expiresAt.getTime() - Date.now()) : 0, LONGEST_TIMER_MS);

/** The token that came with the connection was good, and its time has come. */
class Expired extends Unauthenticated {
  constructor() {
    super("Your token has expired: connect again with a new one.");
  }
}

/** Raised any number of times, noticed once. */
class Signal {
  private isRaised = false;
  private notice: () => void = () => {};

  raise(): void {
    this.isRaised = true;
    this.notice();
  }

  async raised(): Promise<void> {
    if (!this.isRaised)
      await new Promise<void>((resolve) => {
        this.notice = resolve;
      });
    this.isRaised = false;
  }
}

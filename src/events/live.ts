import { Repeater } from "@repeaterjs/repeater";
import { RedisPubSub } from "graphql-redis-subscriptions";
import type { Caller } from "../auth/caller.ts";
import type { Metrics } from "../metrics.ts";
import { type RedisFactory, userChannel } from "./redis.ts";

/** How long a new subscription waits for Redis before it shows the state without it. */
const SUBSCRIBE_WAIT_MS = 1_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What a live subscription reads when it begins and at each signal: what is new, in order. */
export type ReadNews<T> = () => AsyncIterable<T>;

/**
 * Live subscriptions. A message on the user's channel is only a signal: what is sent to the client is read from
 * the database, so that nothing falls between query and subscription, a slow client holds no queue, and whatever
 * was missed while Redis was away arrives when it is back.
 */
export class LiveFeed {
  private readonly pubSub: RedisPubSub;
  private readonly signals = new Set<Signal>();

  constructor(
    redis: RedisFactory,
    private readonly metrics: Metrics,
  ) {
    const subscriber = redis();
    // after a reconnect nobody knows what was missed, so everyone looks
    subscriber.on("ready", () => {
      for (const signal of this.signals) signal.raise();
    });
    this.pubSub = new RedisPubSub({ publisher: redis(), subscriber });
  }

  /** A source that ends with the caller's token. It subscribes first, then reads. */
  source<T>(caller: Caller, userId: string, readNews: ReadNews<T>): Repeater<T> {
    return new Repeater<T>(async (push, stop) => {
      const signal = new Signal();
      let running = true;
      stop.then(() => {
        running = false;
        signal.raise();
      });
      const timer = setTimeout(stop, timeLeft(caller));
      const unsubscribe = await this.listen(userId, signal);
      try {
        while (running) {
          for await (const news of readNews()) {
            if (!running) break;
            await push(news);
          }
          await signal.raised();
        }
      } finally {
        clearTimeout(timer);
        unsubscribe();
      }
    });
  }

  async close(): Promise<void> {
    for (const client of [this.pubSub.getSubscriber(), this.pubSub.getPublisher()]) client.disconnect();
  }

  private async listen(userId: string, signal: Signal): Promise<() => void> {
    this.signals.add(signal);
    this.metrics.liveSubscriptions.inc();
    const subscribed = this.pubSub.subscribe(userChannel(userId), () => signal.raise());
    subscribed.catch(() => {});
    await Promise.race([
      subscribed,
      new Promise((resolve) => setTimeout(resolve, SUBSCRIBE_WAIT_MS).unref()),
    ]);
    return () => {
      this.signals.delete(signal);
      this.metrics.liveSubscriptions.dec();
      subscribed.then((id) => this.pubSub.unsubscribe(id)).catch(() => {});
    };
  }
}

const timeLeft = ({ expiresAt }: Caller) =>
  Math.min(expiresAt ? Math.max(0, expiresAt.getTime() - Date.now()) : 0, LONGEST_TIMER_MS);

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

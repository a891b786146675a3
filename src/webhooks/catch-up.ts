import type { Clock } from "../clock.ts";
import type { Cursors } from "../jobs/cursors.ts";
import type { ObjectSweep } from "../jobs/object-sweep.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import type { PageOf } from "../stripe/listings.ts";
import { LISTENED_EVENTS } from "./event-table.ts";
import type { Inbox } from "./inbox.ts";
import { storable } from "./storable.ts";

export const EVENTS_CURSOR = "events";
const EVERY_SECONDS = 60;
/** The pause after what did not get to the end: Stripe is away, or there is a lot to look at. */
const RETRY_SECONDS = 10;
/** Stripe may list an event a while after it was created. */
const OVERLAP_SECONDS = 600;
/** Younger events are left to their webhooks. */
const SETTLE_SECONDS = 60;
/** So much at a time, from the oldest on: what was looked at stays looked at, whatever happens then. */
const WINDOW_SECONDS = 6 * 3_600;
/** Stripe lists events for 30 days; what is older shows only in the objects themselves. */
const LISTED_SECONDS = 29 * 86_400;
/** A longer run ends here and goes on soon: jobs are short. */
const SLICE_MS = 45_000;

interface State {
  /** Every event created before this moment was looked at; in Stripe's seconds. */
  reached: number;
  /** Nothing from before is looked at: the service was not there. */
  begun: number;
}

/** How far a walk through the events has come. */
export interface CatchUpProgress {
  looked: number;
  received: number;
}

/**
 * Finds events whose webhooks never arrived: pages Stripe's list of events from where it stopped, and gives the inbox
 * what it lacks. One replica at a time, once a minute; begins with the first start of the service.
 */
export class CatchUp {
  private hasBegun = false;

  constructor(
    private readonly stripe: StripeGateway,
    private readonly inbox: Inbox,
    private readonly cursors: Cursors,
    private readonly objects: ObjectSweep,
    private readonly parts: { clock: Clock; metrics: Metrics; logger: Logger },
  ) {}

  /** Notes, at the first start of all, from when on events are this service's. */
  async begin(): Promise<void> {
    if (this.hasBegun) return;
    const now = this.seconds();
    await this.cursors.begin(EVENTS_CURSOR, { reached: now, begun: now } satisfies State, EVERY_SECONDS);
    this.hasBegun = true;
  }

  /** Looks at what has come since the last time, when that is due and nobody else does. False when it is not. */
  async run(): Promise<boolean> {
    const lease = await this.cursors.lease<State>(EVENTS_CURSOR);
    if (!lease) return false;
    let state = lease.state;
    try {
      const isOver = this.cursors.slice(SLICE_MS);
      state = await this.withinReach(state);
      while (state.reached < this.horizon() && !isOver()) {
        state = await this.window(state);
        await lease.save(state);
      }
    } finally {
      await lease.release(
        state,
        state.reached < this.horizon() - EVERY_SECONDS ? RETRY_SECONDS : EVERY_SECONDS,
      );
    }
    return true;
  }

  /** Looks at everything that Stripe still lists since a moment, whatever was looked at before. */
  since(moment: Date, onPage?: (progress: CatchUpProgress) => void): Promise<CatchUpProgress> {
    return this.walk({ gte: Math.floor(moment.getTime() / 1000) }, onPage);
  }

  private async window(state: State): Promise<State> {
    const until = Math.min(state.reached + WINDOW_SECONDS, this.horizon());
    await this.walk({ gte: Math.max(state.reached - OVERLAP_SECONDS, state.begun), lt: until });
    return { ...state, reached: until };
  }

  /** After an outage that Stripe's list of events does not reach back to, the objects are looked at as well. */
  private async withinReach(state: State): Promise<State> {
    const oldest = this.seconds() - LISTED_SECONDS;
    if (state.reached >= oldest) return state;
    this.parts.logger.warn("events were missed that Stripe no longer lists; all objects are looked at");
    await this.objects.request(new Date((state.reached - OVERLAP_SECONDS) * 1000));
    return { ...state, reached: oldest };
  }

  private async walk(
    created: { gte: number; lt?: number },
    onPage: (progress: CatchUpProgress) => void = () => {},
  ): Promise<CatchUpProgress> {
    const progress = { looked: 0, received: 0 };
    for (let after: string | null = null, isLast = false; !isLast; ) {
      const page: PageOf<"event"> = await this.stripe.page("event", { created, after });
      progress.looked += page.objects.length;
      progress.received += await this.feed(page.objects);
      after = page.objects.at(-1)?.id ?? null;
      isLast = !page.hasMore;
      onPage(progress);
    }
    return progress;
  }

  /** Gives the inbox those that it lacks, oldest first. Types that it never asked for are not its business. */
  private async feed(events: readonly { id: string; type: string }[]): Promise<number> {
    const wanted = events.filter(({ type }) => LISTENED_EVENTS.includes(type));
    if (wanted.length === 0) return 0;
    const lacking = await this.inbox.lacking(wanted.map(({ id }) => id));
    let received = 0;
    for (const event of wanted.filter(({ id }) => lacking.has(id)).reverse()) {
      // the SDK's objects hold more than JSON
      const plain = storable(JSON.parse(JSON.stringify(event)) as typeof event);
      if (await this.inbox.receive(plain, "catch-up")) received += 1;
    }
    this.parts.metrics.caughtUp.inc(received);
    return received;
  }

  private seconds(): number {
    return Math.floor(this.parts.clock.now().getTime() / 1000);
  }

  private horizon(): number {
    return this.seconds() - SETTLE_SECONDS;
  }
}

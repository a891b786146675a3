import type { EntityManager } from "@mikro-orm/postgresql";
import { validate as isUuid } from "uuid";
import type { Caller } from "../auth/caller.ts";
import { OutboxEvent } from "../entities/outbox-event.ts";
import type { Subscription } from "../entities/subscription.ts";
import type { UserAccess } from "../entities/user-access.ts";
import { BadUserInput } from "../errors.ts";
import type { EventType } from "../events/event-types.ts";
import type { LiveFeed } from "../events/live.ts";
import type { PaymentEventType } from "../types/enums.ts";
import { PAYMENT_EVENT_TYPES, PaymentEvent } from "../types/payment-event.ts";
import type { AccessService } from "./access.service.ts";
import type { SubscriptionService } from "./subscription.service.ts";

/** A state as it is now; wrapped, since the state may be null. */
export interface Live<T> {
  state: T;
}

const BATCH = 100;

/** What live subscriptions show: states as they are now and at each change, and the events themselves. */
export class LiveService {
  constructor(
    private readonly em: EntityManager,
    private readonly feed: LiveFeed,
    private readonly subscriptions: SubscriptionService,
    private readonly access: AccessService,
  ) {}

  /** The current subscription first, then each newer version, and whenever it begins or ceases to open the platform. */
  subscriptionStatus(caller: Caller, userId: string): AsyncIterable<Live<Subscription | null>> {
    return this.state(
      caller,
      userId,
      async () => {
        const [current, { grants, changesAt }] = await Promise.all([
          this.subscriptions.currentOf([userId]).then((found) => found.get(userId) ?? null),
          this.access.outlookOf(userId),
        ]);
        return { current, opens: grants.some((grant) => grant.sourceId === current?.id), changesAt };
      },
      ({ current, opens }) => current && `${current.id}@${current.version}:${opens}`,
      ({ current }) => current,
    );
  }

  /** The grants in force first, then the new list at each change. */
  accessGrants(caller: Caller, userId: string): AsyncIterable<Live<UserAccess[]>> {
    return this.state(
      caller,
      userId,
      () => this.access.outlookOf(userId),
      ({ grants }) => grants.map((grant) => `${grant.id}@${grant.version}`).join(),
      ({ grants }) => grants,
    );
  }

  /** Each event from now on; with `after` those since that event first. @throws BadUserInput for an unknown `after` */
  async events(
    caller: Caller,
    userId: string,
    types: readonly PaymentEventType[] | null,
    after: string | null,
  ): Promise<AsyncIterable<PaymentEvent>> {
    let last = after === null ? null : await this.sequenceOf(userId, after);
    const { em } = this;
    const latest = () => this.latestSequence(userId);
    return this.feed.source(caller, userId, async function* () {
      if (last === null) {
        last = await latest();
        return;
      }
      for (;;) {
        const rows: OutboxEvent[] = await eventsAfter(em, userId, last);
        if (rows.length === 0) return;
        for (const row of rows) {
          last = row.sequence;
          const event = toPaymentEvent(row);
          if (event && (!types || types.includes(event.type))) yield event;
        }
      }
    });
  }

  private state<Read extends { changesAt: Date | null }, Shown>(
    caller: Caller,
    userId: string,
    read: () => Promise<Read>,
    versionOf: (read: Read) => string | null,
    show: (read: Read) => Shown,
  ): AsyncIterable<Live<Shown>> {
    let shown: string | null | undefined;
    return this.feed.source(caller, userId, async function* (nextAt) {
      const now = await read();
      nextAt(now.changesAt);
      const version = versionOf(now);
      if (version === shown) return;
      shown = version;
      yield { state: show(now) };
    });
  }

  private async sequenceOf(userId: string, id: string): Promise<number> {
    const event = isUuid(id) ? await this.em.fork().findOne(OutboxEvent, { id, userId }) : null;
    if (!event)
      throw new BadUserInput(
        "after",
        "This event is not known (any more): read the state and subscribe without it.",
      );
    return event.sequence;
  }

  private async latestSequence(userId: string): Promise<number> {
    const [row] = await this.em
      .fork()
      .execute<{ latest: string | null }[]>("select max(sequence) as latest from outbox where user_id = ?", [
        userId,
      ]);
    return Number(row?.latest ?? 0);
  }
}

function eventsAfter(em: EntityManager, userId: string, sequence: number): Promise<OutboxEvent[]> {
  return em
    .fork()
    .find(
      OutboxEvent,
      { userId, sequence: { $gt: sequence } },
      { orderBy: { sequence: "asc" }, limit: BATCH },
    );
}

function toPaymentEvent(row: OutboxEvent): PaymentEvent | null {
  const type = PAYMENT_EVENT_TYPES[row.type as EventType];
  if (!type) return null;
  const { id, userId, occurredAt, data } = row;
  return Object.assign(new PaymentEvent(), { id, type, userId, occurredAt, data });
}

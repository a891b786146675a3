import type { EntityManager } from "@mikro-orm/postgresql";
import { validate as isUuid } from "uuid";
import type { Caller } from "../auth/caller.ts";
import { OutboxEvent } from "../entities/outbox-event.ts";
import type { Subscription } from "../entities/subscription.ts";
import type { UserAccess } from "../entities/user-access.ts";
import { BadUserInput } from "../errors.ts";
import type { EventType } from "../events/event-types.ts";
import type { LiveFeed } from "../events/live.ts";
import { prepared } from "../prepared.ts";
import type { PaymentEventType } from "../types/enums.ts";
import { PAYMENT_EVENT_TYPES, PaymentEvent } from "../types/payment-event.ts";
import type { AccessService } from "./access.service.ts";
import type { SubscriptionService } from "./subscription.service.ts";

/** A state as it is now; wrapped, since the state may be null. */
export interface Live<T> {
  state: T;
}

const BATCH = 100;

/** What every signal reads, of each client whose user it is about: planned once. */
const NEWS = `select id, sequence, user_id, type, data, occurred_at from outbox
  where user_id = $1 and sequence > $2 order by sequence limit ${BATCH}`;
const LATEST = "select max(sequence) as latest from outbox where user_id = $1";

interface Row {
  id: string;
  sequence: string;
  user_id: string;
  type: string;
  data: Record<string, unknown>;
  occurred_at: string;
}

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
          this.subscriptions.currentOf([userId]).then(([found]) => found ?? null),
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
        const rows: Row[] = await prepared<Row>(em, NEWS, [userId, last]);
        for (const row of rows) {
          last = Number(row.sequence);
          const event = toPaymentEvent(em, row);
          if (event && (!types || types.includes(event.type))) yield event;
        }
        if (rows.length < BATCH) return;
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
    const [row] = await prepared<{ latest: string | null }>(this.em, LATEST, [userId]);
    return Number(row?.latest ?? 0);
  }
}

function toPaymentEvent(em: EntityManager, row: Row): PaymentEvent | null {
  const type = PAYMENT_EVENT_TYPES[row.type as EventType];
  if (!type) return null;
  const { id, user_id: userId, data } = row;
  const occurredAt = em.getPlatform().parseDate(row.occurred_at);
  return Object.assign(new PaymentEvent(), { id, type, userId, occurredAt, data });
}

import type { EntityManager } from "@mikro-orm/postgresql";
import type { Clock } from "../clock.ts";
import { UserAnonymized } from "../errors.ts";
import { eventId } from "../events/event-types.ts";
import type { Logger } from "../logger.ts";
import { isOutage } from "../outage.ts";
import type { Road } from "../sync/road.ts";
import type { Write } from "../sync/write.ts";
import type { Cursors } from "./cursors.ts";
import type { Round } from "./rounds.ts";

export const EXPIRING_CARDS_CURSOR = "expiring-cards";
const EVERY_SECONDS = 600;
const RETRY_SECONDS = 60;
const PAGE = 500;
/** A longer run ends here and goes on at once: jobs are short. */
const SLICE_MS = 45_000;

/** A calendar month, UTC. */
interface Month {
  year: number;
  month: number;
}

/** How far a walk has come: how many months are done, and the last card of the next one; null between two. */
interface State {
  place: { monthsDone: number; after: string } | null;
}

const FIRST = "00000000-0000-0000-0000-000000000000";

/**
 * Tells, once for each card and expiry, of cards that will be charged again and cannot: those of renewing subscriptions
 * that expire at the end of this month or of the next. So there is at least a month to replace a card, and whoever
 * pays by the month is told before the last renewal that it can pay. A card that begins to be charged later than that
 * is told of then, and one that the network gives another expiry when that comes near.
 */
export class ExpiringCards implements Round {
  private hasBegun = false;

  constructor(
    private readonly em: EntityManager,
    private readonly road: Road,
    private readonly cursors: Cursors,
    private readonly parts: { clock: Clock; logger: Logger },
  ) {}

  async begin(): Promise<void> {
    if (this.hasBegun) return;
    await this.cursors.begin(EXPIRING_CARDS_CURSOR, { place: null } satisfies State, RETRY_SECONDS);
    this.hasBegun = true;
  }

  /** Looks through the cards, page by page, when that is due and nobody else does. */
  async run(): Promise<void> {
    const lease = await this.cursors.lease<State>(EXPIRING_CARDS_CURSOR);
    if (!lease) return;
    const isOver = this.cursors.slice(SLICE_MS);
    const months = monthsFrom(this.parts.clock.now());
    let place = lease.state.place ?? { monthsDone: 0, after: FIRST };
    try {
      for (let month = months[place.monthsDone]; month; month = months[place.monthsDone]) {
        const after = await this.page(month, place.after);
        place = after ? { ...place, after } : { monthsDone: place.monthsDone + 1, after: FIRST };
        await lease.save({ place });
        if (isOver()) return await lease.release({ place }, 0);
      }
    } catch (error) {
      await lease.release({ place }, RETRY_SECONDS);
      throw error;
    }
    await lease.release({ place: null }, EVERY_SECONDS);
  }

  /** Returns the last card of a full page; null when there are no more. */
  private async page({ year, month }: Month, after: string): Promise<string | null> {
    const cards = await this.em
      .fork()
      .execute<{ id: string; user_id: string; is_due: boolean }[]>(PAGE_OF_CARDS, [year, month, after, PAGE]);
    const userIds = new Set(cards.filter((card) => card.is_due).map((card) => card.user_id));
    for (const userId of userIds)
      await this.road
        .write(userId, null, (write) => tell(write, { year, month }))
        // one who cannot be told keeps nobody else from it; the next walk tries again
        .catch((error: unknown) => {
          if (isOutage(error)) throw error;
          // whoever asked to be forgotten is not told anything
          if (error instanceof UserAnonymized) return;
          this.parts.logger.warn({ err: error, userId }, "nobody could be told that a card expires");
        });
    return cards.length === PAGE ? (cards.at(-1)?.id ?? null) : null;
  }
}

/** Looked at again under the user's lock: the card may have been replaced, or told of, since. */
async function tell({ tx, userId, now, emit }: Write, { year, month }: Month): Promise<void> {
  const cards = await tx.execute<{ id: string; stripe_id: string }[]>(NOTE, [now, userId, year, month]);
  for (const card of cards)
    emit({
      id: eventId("payment_method.expiring", card.stripe_id, year, month),
      type: "payment_method.expiring",
      data: { paymentMethodId: card.id, expMonth: month, expYear: year },
    });
}

/** The month of a moment, and the one after it. */
function monthsFrom(now: Date): Month[] {
  return [0, 1].map((ahead) => {
    const first = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead));
    return { year: first.getUTCFullYear(), month: first.getUTCMonth() + 1 };
  });
}

/** Whether a renewing subscription is charged to the card, by its own word or by its customer's, and nobody was told. */
const IS_DUE = `
  not exists (
    select 1 from expiry_notices told
     where told.stripe_payment_method_id = card.stripe_payment_method_id
       and told.exp_year = card.exp_year and told.exp_month = card.exp_month)
  and exists (
    select 1 from subscriptions renewing
     where renewing.user_id = card.user_id and renewing.status in ('TRIALING', 'ACTIVE', 'PAST_DUE')
       and not renewing.cancel_at_period_end and renewing.cancel_at is null
       and (renewing.default_payment_method_id = card.stripe_payment_method_id
            or card.is_default and not exists (
              select 1 from payment_methods own
               where own.stripe_payment_method_id = renewing.default_payment_method_id)))`;

const PAGE_OF_CARDS = `
  select card.id, card.user_id, ${IS_DUE} as is_due
    from (select * from payment_methods
           where exp_year = ? and exp_month = ? and id > ? order by id limit ?) card
   order by card.id`;

const NOTE = `
  with due as (
    select card.*, ?::timestamptz as now from payment_methods card
     where card.user_id = ? and card.exp_year = ? and card.exp_month = ? and ${IS_DUE}),
  noted as (
    insert into expiry_notices (stripe_payment_method_id, exp_year, exp_month, user_id, told_at)
    select stripe_payment_method_id, exp_year, exp_month, user_id, now from due
    on conflict do nothing returning stripe_payment_method_id)
  select due.id, due.stripe_payment_method_id as stripe_id
    from due join noted using (stripe_payment_method_id) order by due.id`;

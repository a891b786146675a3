import type { EntityManager } from "@mikro-orm/postgresql";
import type Stripe from "stripe";
import { validate as isUuid } from "uuid";
import { Customer } from "../entities/customer.ts";
import { LIVE_STATUSES, Subscription } from "../entities/subscription.ts";
import { eventId } from "../events/event-types.ts";
import { flush } from "../flush.ts";
import { putBackOutlook } from "../services/pending-updates.ts";
import { placeIsUsed } from "../services/promotion-places.ts";
import { slotFollowsSubscription } from "../services/subscription-slots.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { INTENT_ID, USER_ID } from "../stripe/metadata.ts";
import type { SubscriptionStatus } from "../types/enums.ts";
import { flushForLooks } from "./look-ahead.ts";
import { type Change, findRow, mirrorKnown } from "./mirror.ts";
import { endNobodys, pseudonymFor } from "./nobodys.ts";
import { planOf, scheduledOf } from "./plan.ts";
import type { Journey, OwnerOf, Road } from "./road.ts";
import { idOf, instantOf, wordOf } from "./values.ts";
import type { Write } from "./write.ts";

/** What is to be known before a subscription is written. */
export interface SubscriptionUpstream {
  /** What its latest invoice says about money. */
  ensureInvoice(invoice: Stripe.Invoice): Promise<void>;
  /** Whether the user's slot is still held by whoever our rows say holds it. */
  ensureHolder(userId: string, subscription: Stripe.Subscription): Promise<void>;
  /** Whose a customer is, as far as our rows know. */
  ownerOfCustomer(stripeCustomerId: string): Promise<string | null>;
}

/** A subscription: its row, the user's slot, the grants that follow from it, and its events. */
export function subscriptionJourney(
  stripe: StripeGateway,
  id: string,
  ownerOf: OwnerOf,
  { ensureInvoice, ensureHolder, ownerOfCustomer }: SubscriptionUpstream,
): Journey<Stripe.Subscription> {
  return {
    objectId: id,
    read: () => stripe.subscription(id),
    owner: ({ customer }) =>
      ownerOf(idOf(customer), (em) => em.findOne(Subscription, { stripeSubscriptionId: id })),
    // access follows from what is paid: known first, a subscription never shows as active but closed
    async upstream(remote, userId) {
      const { latest_invoice: invoice } = remote;
      if (invoice && typeof invoice === "object") await ensureInvoice(invoice);
      await ensureHolder(userId, remote);
    },
    async write(remote, write) {
      const { tx, userId } = write;
      const theirs = await findRow(tx, Customer, { userId });
      const customer = theirs?.stripeCustomerId === idOf(remote.customer) ? theirs : null;
      const key = { stripeSubscriptionId: remote.id };
      const known = await findRow(tx, Subscription, key);
      const change = mirrorKnown(tx, Subscription, known, {
        ...key,
        userId,
        ...columnsOf(remote),
        planId: await planOf(tx, remote, known),
        ...(await scheduledOf(tx, remote, known)),
        wasLive: wasLive(remote, known),
        hasPaymentMethod: hasMethod(remote, customer, known),
      });
      write.audit("subscriptions", change.row.id, change);
      await flushForLooks(tx);
      const holder = await slotFollowsSubscription(tx, change.row);
      const isOurs = remote.metadata[USER_ID] === userId;
      const isOurTrial = isOurs && beganAsTrial(remote);
      await write.trials.follow(write, change.row, { isOurTrial, card: cardOf(remote) });
      if (isOurs) await useDiscount(change, remote, write);
      if (holder) await write.duplicates.followSubscription(write, change.row, holder, isOurs);
      announce(change, write);
      foretellTrialEnd(change.row, write);
      await putBackOutlook(write, change);
      write.follow(change.row);
      await write.duplicates.giveBack(write, change.row);
      await endNobodys(write, change.row);
    },
    nobody: {
      async pseudonym(remote) {
        const customer = idOf(remote.customer) as string;
        return pseudonymFor(customer, await ownerOfCustomer(customer));
      },
      write: (remote, write) =>
        endNobodys(write, { stripeSubscriptionId: id, hasEnded: remote.ended_at !== null }),
    },
  };
}

/** One that Stripe does not have (any more) bills nobody: its row says that it has ended, and so do its grants. */
export async function subscriptionIsGone(em: EntityManager, road: Road, id: string): Promise<void> {
  const key = { stripeSubscriptionId: id };
  const known = await em.findOne(Subscription, key);
  if (!known) return;
  await road.follow(known.userId, null, async (write) => {
    const row = await write.tx.findOneOrFail(Subscription, key);
    if (row.hasEnded) return;
    const ended = {
      status: "CANCELED",
      canceledAt: row.canceledAt ?? write.now,
      endedAt: write.now,
    } as const;
    const change = mirrorKnown(write.tx, Subscription, row, ended);
    write.audit("subscriptions", row.id, change);
    await flush(write.tx);
    await slotFollowsSubscription(write.tx, row);
    announce(change, write);
    write.follow(row);
  });
}

function columnsOf(remote: Stripe.Subscription) {
  const items = remote.items.data;
  const first = items[0];
  return {
    stripePriceId: first?.price.id ?? "",
    status: wordOf<SubscriptionStatus>(remote.status),
    quantity: first?.quantity ?? 1,
    // items may run on different intervals: the longest counts
    currentPeriodStart: instantOf(first && Math.min(...items.map((item) => item.current_period_start))),
    currentPeriodEnd: instantOf(first && Math.max(...items.map((item) => item.current_period_end))),
    trialEndsAt: instantOf(remote.trial_end),
    cancelAtPeriodEnd: remote.cancel_at_period_end,
    cancelAt: instantOf(remote.cancel_at),
    canceledAt: instantOf(remote.canceled_at),
    endedAt: instantOf(remote.ended_at),
    cancellationReason: remote.cancellation_details?.reason ?? null,
    pendingInvoiceId: remote.pending_update ? idOf(remote.latest_invoice) : null,
    defaultPaymentMethodId: idOf(remote.default_payment_method),
    stripeCreatedAt: instantOf(remote.created) as Date,
  };
}

/** How long before its end a trial is told of, as Stripe does; at once when it is shorter. */
const TRIAL_NOTICE_MS = 3 * 86_400_000;

/** Once for each end that a trial has had: the id of the event is that of the fact. */
function foretellTrialEnd(row: Subscription, { emit, now }: Write): void {
  const { status, trialEndsAt, isTrialRefused, id: subscriptionId, hasPaymentMethod } = row;
  if (status !== "TRIALING" || !trialEndsAt || isTrialRefused) return;
  const left = trialEndsAt.getTime() - now.getTime();
  if (left <= 0 || left > TRIAL_NOTICE_MS) return;
  const at = trialEndsAt.toISOString();
  emit({
    id: eventId("subscription.trial_ending", subscriptionId, at),
    type: "subscription.trial_ending",
    data: { subscriptionId, trialEndsAt: at, hasPaymentMethod, willEnd: row.isCancelScheduled },
  });
}

/** Once it is live, a code that it was begun with is used: noted when that is first seen. */
async function useDiscount(
  { row, before }: Change<Subscription>,
  { metadata }: Stripe.Subscription,
  write: Write,
): Promise<void> {
  const isNews = before === null || before.wasLive === false;
  const intentId = metadata[INTENT_ID];
  if (isNews && row.wasLive && !row.isTrialRefused && isUuid(intentId))
    await placeIsUsed(write, { intentId: intentId as string });
}

/** An attempt whose first payment never came is none; of one first seen when it had ended nobody knows better. */
function wasLive({ status }: Stripe.Subscription, known: Subscription | null): boolean {
  if (known?.wasLive || LIVE_STATUSES.includes(wordOf(status))) return true;
  return known === null && status === "canceled";
}

/** A trial that somebody gives a subscriber later is theirs to give. */
const beganAsTrial = ({ trial_start, created }: Stripe.Subscription) =>
  trial_start !== null && trial_start <= created;

/** Of interest while a trial lasts, and only then looked at again when the customer's methods change. */
function hasMethod(
  { default_payment_method: own, status }: Stripe.Subscription,
  customer: Customer | null,
  known: Subscription | null,
): boolean {
  if (known && status !== "trialing") return known.hasPaymentMethod;
  return Boolean(own ?? customer?.defaultPaymentMethodId);
}

/** Stripe's fingerprint of the card that will be charged. */
function cardOf({ default_payment_method: own, customer }: Stripe.Subscription): string | null {
  const theirs =
    typeof customer === "object" && !customer.deleted && customer.invoice_settings.default_payment_method;
  const method = own ?? theirs;
  return (method && typeof method === "object" && method.card?.fingerprint) || null;
}

/** `created` once it leaves INCOMPLETE, `updated` at each later change, `cancelled` when it has ended. */
function announce({ row, before, after }: Change<Subscription>, { emit }: Write): void {
  if (after === null) return;
  const previous = before === null ? null : (before.status ?? row.status);
  if (row.status === "INCOMPLETE" || row.status === "INCOMPLETE_EXPIRED") return;
  const data = { subscriptionId: row.id, status: row.status, version: row.version };
  const isFirst = previous === null || previous === "INCOMPLETE";
  if (isFirst && row.hasEnded && previous !== null) return;
  if (isFirst) emit({ id: eventId("subscription.created", row.id), type: "subscription.created", data });
  else emit({ id: eventId("subscription.updated", row.id, row.version), type: "subscription.updated", data });
  if (row.hasEnded)
    emit({ id: eventId("subscription.cancelled", row.id), type: "subscription.cancelled", data });
}

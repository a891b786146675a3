import type { EntityManager } from "@mikro-orm/postgresql";
import { validate as isUuid } from "uuid";
import { audit } from "../audit.ts";
import type { Caller } from "../auth/caller.ts";
import type { Clock } from "../clock.ts";
import { Intent } from "../entities/intent.ts";
import { Plan } from "../entities/plan.ts";
import { Subscription } from "../entities/subscription.ts";
import {
  BadUserInput,
  Conflict,
  Forbidden,
  NotFound,
  PlanInactive,
  SubscriptionNotActive,
} from "../errors.ts";
import { IntentLapsed } from "../intents/failures.ts";
import type { Intents } from "../intents/intents.ts";
import { noteUnderKey } from "../intents/key-scope.ts";
import { openIntent } from "../intents/open-intent.ts";
import { METHOD_CHANGES } from "../intents/payment-methods.ts";
import type { Outlook, SubscriptionChange } from "../intents/subscription-changes.ts";
import type { CancelSubscriptionInput, ChangePlanInput } from "../resolvers/inputs/subscription.inputs.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { idOf } from "../sync/values.ts";
import { lockUser, lockUserToFollow } from "../user-lock.ts";
import type { IdempotencyService } from "./idempotency.service.ts";
import { moveBetween, type Named, type PlanMove, type PlanTerms, seatsOf } from "./plan-change.ts";

const KIND = "change-subscription";
/** For how long a preview's moment may be kept to: the change then costs what the preview said. */
export const PREVIEW_HOLDS_MS = 3_600_000;

/** A change of a plan as it would be made at a moment. */
export interface PlannedMove {
  move: PlanMove;
  from: PlanTerms;
  to: PlanTerms;
}

/**
 * What a subscriber or an operator does with a running subscription. Of a subscription one change is made at a time:
 * whoever comes while another is under way is told so, and what the rows say is decided under the user's lock.
 */
export class SubscriptionChanges {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: Clock,
    private readonly intents: Intents,
    private readonly stripe: StripeGateway,
    private readonly idempotency: IdempotencyService,
  ) {}

  /** @throws NotFound, SubscriptionNotActive, Conflict (retryable), Forbidden for a learner who asks for proration */
  cancel(caller: Caller, input: CancelSubscriptionInput): Promise<Subscription> {
    const { id, reason = null, atPeriodEnd, prorate } = input;
    if (prorate && !caller.isStaff)
      throw new Forbidden("Crediting unused time needs the role admin or service.");
    if (prorate && atPeriodEnd)
      throw new BadUserInput("input.prorate", "At the end of the period there is nothing unused to credit.");
    return this.run(caller, "cancelSubscription", input, id, {
      reason,
      endsNow: !atPeriodEnd,
      decide: (row) => {
        if (row.hasEnded) throw new SubscriptionNotActive();
        // what was never paid for has no period to wait for
        if (!atPeriodEnd || row.status === "INCOMPLETE")
          return { change: "cancel-now", comment: reason, prorate: prorate ?? false };
        if (row.endsWithPeriod && !row.scheduledPlanId) return null;
        return { change: "cancel-at-period-end", comment: reason, scheduledPlan: null };
      },
    });
  }

  /** @throws NotFound, SubscriptionNotActive once it has ended, Conflict (retryable), PaymentDeclined out of a pause */
  resume(caller: Caller, id: string, idempotencyKey: string | null): Promise<Subscription> {
    return this.run(caller, "resumeSubscription", { id, idempotencyKey }, id, {
      reason: null,
      decide: (row) => {
        if (row.hasEnded) throw new SubscriptionNotActive();
        if (row.isCancelScheduled || row.scheduledAt) return { change: "resume" };
        if (row.status !== "PAUSED") return null;
        if (row.pausedOutOfTrial) return { change: "unpause" };
        throw new SubscriptionNotActive(
          "This subscription was paused by our support: ask them to let it go on.",
        );
      },
    });
  }

  /** @throws NotFound, BadUserInput, PlanInactive, SubscriptionNotActive, Conflict (retryable), PaymentDeclined */
  changePlan(caller: Caller, input: ChangePlanInput): Promise<Subscription> {
    return this.run(caller, "changePlan", input, input.subscriptionId, {
      reason: null,
      decide: async (row, tx) => {
        const { move, to } = await this.plan(tx, row, input);
        const { id: planId, stripePriceId } = to.plan;
        const terms = { planId, price: stripePriceId as string, quantity: to.quantity };
        if (move === "to-free")
          return { change: "cancel-at-period-end", comment: null, scheduledPlan: planId };
        if (move === "later") return { change: "switch-later", ...terms };
        return {
          ...{ change: "switch-now", ...terms, before: outlookOf(row) },
          prorationDate: this.prorationDate(row, input.prorationDate),
        };
      },
    });
  }

  /** With what the bank's question about a payment is answered; null when none is asked, or not to this caller. */
  async clientSecret(caller: Caller, row: Subscription): Promise<string | null> {
    if (!caller.isOwner(row.userId)) return null;
    const waits = row.pendingInvoiceId != null || row.status === "INCOMPLETE";
    if (!waits && row.status !== "TRIALING") return null;
    const remote = await this.stripe.subscription(row.stripeSubscriptionId);
    if (row.status === "TRIALING") return this.setupSecret(idOf(remote?.pending_setup_intent));
    const invoice = idOf(remote?.latest_invoice);
    return (invoice && (await this.stripe.subscriptions.awaitedPayment(invoice))?.clientSecret) || null;
  }

  /** A card that is stored for after the trial may have to be confirmed as well. */
  private async setupSecret(id: string | null): Promise<string | null> {
    const setup = id ? await this.stripe.methods.setupIntent(id) : null;
    return setup?.status === "requires_action" ? setup.client_secret : null;
  }

  /** What a change of plan comes to. @throws NotFound, BadUserInput, PlanInactive, SubscriptionNotActive */
  async plan(
    em: EntityManager,
    row: Subscription,
    { planId, quantity }: { planId: string; quantity?: number | null },
    named: Named = (field) => `input.${field}`,
  ): Promise<PlannedMove> {
    if (row.hasEnded) throw new SubscriptionNotActive();
    if (row.status !== "ACTIVE" && row.status !== "TRIALING")
      throw new SubscriptionNotActive("Pay what is open first: then the plan can be changed.");
    const plan = isUuid(planId) ? await em.findOne(Plan, { id: planId }) : null;
    if (!plan) throw new NotFound("plan");
    if (!plan.isOnSale || !(plan.isFree || plan.stripePriceId)) throw new PlanInactive();
    const current = row.planId ? await em.findOne(Plan, { id: row.planId }) : null;
    if (!current) throw new NotFound("plan of this subscription");
    const from = { plan: current, quantity: row.quantity };
    const to = { plan, quantity: seatsOf(from, plan, quantity, named) };
    return { move: moveBetween(from, to, row.status === "TRIALING", named), from, to };
  }

  /** The caller's subscription, or anybody's for staff. @throws NotFound, alike for another's and for none */
  async find(em: EntityManager, caller: Caller, id: string): Promise<Subscription> {
    caller.assertKnown();
    const row = isUuid(id) ? await em.findOne(Subscription, { id }) : null;
    if (!row || !caller.maySee(row.userId)) throw new NotFound("subscription");
    return row;
  }

  private prorationDate(row: Subscription, asked: Date | null | undefined): number {
    const now = this.clock.now().getTime();
    const at = asked?.getTime() ?? now;
    const begins = row.currentPeriodStart?.getTime() ?? 0;
    if (at > now || at < now - PREVIEW_HOLDS_MS || at < begins)
      throw new BadUserInput("input.prorationDate", "This preview is too old: ask for a new one.");
    return Math.floor(at / 1000);
  }

  private async run(
    caller: Caller,
    operation: string,
    input: { id?: string; idempotencyKey?: string | null },
    id: string,
    how: Decision,
  ): Promise<Subscription> {
    const { userId } = await this.find(this.em.fork(), caller, id);
    return this.idempotency.run({
      ...{ caller, operation, input, key: input.idempotencyKey },
      intent: { kind: KIND, answer: async () => id },
      work: async () => {
        const intentId = await this.open({ caller, operation, userId, id }, how);
        if (intentId) await this.carryThrough(intentId);
        return id;
      },
      read: (reference) => this.em.fork().findOneOrFail(Subscription, { id: reference }),
    });
  }

  /** Decides under the user's lock, so that of two different changes at once the second sees the first. */
  private open({ caller, operation, userId, id }: Call, how: Decision): Promise<string | null> {
    return this.em.fork().transactional(async (tx) => {
      await (how.endsNow && caller.isStaff ? lockUserToFollow : lockUser)(tx, userId);
      const row = await this.find(tx, caller, id);
      const underWay = await this.underWay(tx, row);
      const change = underWay ? await asked(how, row, tx) : await how.decide(row, tx);
      if (underWay) {
        const id = joined(underWay, change);
        await noteUnderKey(tx, underWay);
        return id;
      }
      if (!change) return null;
      const request = {
        userId,
        kind: KIND,
        subject: row.stripeSubscriptionId,
        params: { ...change },
      } as const;
      const now = this.clock.now();
      const intent = await openIntent(tx, request, now);
      audit(tx, {
        ...{ at: now, actor: caller.actor, action: operation, tableName: "subscriptions", rowId: row.id },
        ...{ userId, reason: how.reason, after: toldOf(change) },
      });
      return intent.id;
    });
  }

  /**
   * A change that is not made yet, or that our rows have not followed. Also one of the user's methods: it sends the
   * phases of a schedule again as it has read them.
   */
  private underWay(
    tx: EntityManager,
    { userId, stripeSubscriptionId: subject }: Subscription,
  ): Promise<Intent | null> {
    return tx.findOne(Intent, {
      ...{ userId, settledAt: null, state: { $ne: "FAILED" } },
      $or: [{ kind: KIND, subject }, { kind: { $in: [...METHOD_CHANGES] } }],
    });
  }

  private async carryThrough(intentId: string): Promise<void> {
    try {
      await this.intents.carryThrough(intentId);
    } catch (error) {
      if (error instanceof IntentLapsed)
        throw new Conflict("An earlier change was never made. Try again.", { retryable: true });
      throw error;
    }
  }
}

/** Who calls what, about whose subscription. */
interface Call {
  caller: Caller;
  operation: string;
  userId: string;
  id: string;
}

/** How a call is decided on: null when there is nothing to do. */
interface Decision {
  reason: string | null;
  /** Whether it ends at once: staff may do so also while the user is being anonymised. */
  endsNow?: boolean;
  decide(
    row: Subscription,
    tx: EntityManager,
  ): SubscriptionChange | null | Promise<SubscriptionChange | null>;
}

const BUSY = "Another change of this subscription is under way. Try again in a moment.";

/** What is asked while another change is under way: what would be refused then is simply another change. */
async function asked({ decide }: Decision, row: Subscription, tx: EntityManager) {
  try {
    return await decide(row, tx);
  } catch {
    throw new Conflict(BUSY, { retryable: true });
  }
}

/** The same change asked for again waits for the first. @throws Conflict for another one */
function joined(underWay: Intent, change: SubscriptionChange | null): string {
  if (!change || sameness(underWay.params) !== sameness({ ...change }))
    throw new Conflict(BUSY, { retryable: true });
  return underWay.id;
}

/** The moment of a proration makes no other change of it: two tabs ask in two seconds. */
function sameness({ change, price, quantity, scheduledPlan, prorate }: Record<string, unknown>): string {
  return JSON.stringify([change, price, quantity, scheduledPlan, prorate]);
}

/** What is to happen at the end of the period, as things are. */
function outlookOf(row: Subscription): Outlook {
  const { scheduledPriceId: price, scheduledPlanId, scheduledQuantity, cancelAt } = row;
  return {
    scheduled: price ? { price, quantity: scheduledQuantity ?? 1 } : null,
    end: row.isCancelScheduled
      ? {
          cancelAt: row.cancelAtPeriodEnd || !cancelAt ? null : Math.floor(cancelAt.getTime() / 1000),
          scheduledPlan: price ? null : (scheduledPlanId ?? null),
        }
      : null,
  };
}

/** What the audit log says of a change: our own words and ids. */
function toldOf(change: SubscriptionChange): object {
  const { price: _, before: __, comment: ___, ...told } = { ...change } as Record<string, unknown>;
  return told;
}

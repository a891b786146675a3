import type Stripe from "stripe";
import type { Intent } from "../entities/intent.ts";
import { PaymentActionRequired, PaymentDeclined, SubscriptionNotActive } from "../errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { SCHEDULED_PLAN } from "../stripe/metadata.ts";
import { idOf } from "../sync/values.ts";

/** A price and how many seats of it. */
export interface Terms {
  price: string;
  quantity: number;
}

/** What may be asked of a running subscription, as it is frozen in its intent. */
export type SubscriptionChange =
  /** @param scheduledPlan the plan that follows when somebody changes to Free; null for a plain cancel */
  | { change: "cancel-at-period-end"; comment: string | null; scheduledPlan: string | null }
  | { change: "cancel-now"; comment: string | null; prorate: boolean }
  /** Takes back whatever was to happen at the end of the period. */
  | { change: "resume" }
  | { change: "unpause" }
  /**
   * Billed at once, prorated to `prorationDate` (seconds).
   * @param scheduled what was to follow at the end of the period, and still does when the bank refuses this
   */
  | ({ change: "switch-now"; planId: string; prorationDate: number; scheduled: Terms | null } & Terms)
  | ({ change: "switch-later"; planId: string } & Terms);

/**
 * Carries one change of a subscription through, as steps that each have their own idempotency key: repeated from the
 * start after a crash, they come to the same end. This is the one owner of a subscription's schedule at Stripe, which
 * every change releases or amends first.
 */
export async function changeSubscription(
  stripe: StripeGateway,
  intent: Intent,
  key: string,
): Promise<{ id: string }> {
  const steps = new Steps(stripe, intent.subject, key);
  const change = intent.params as unknown as SubscriptionChange;
  switch (change.change) {
    case "cancel-at-period-end":
      await steps.cancelAtPeriodEnd(change);
      break;
    case "cancel-now":
      await steps.cancelNow(change);
      break;
    case "resume":
      await steps.release();
      await steps.keep();
      break;
    case "unpause":
      await steps.unpause();
      break;
    case "switch-now":
      await steps.switchNow(change);
      break;
    case "switch-later":
      await steps.switchLater(change);
      break;
  }
  return { id: intent.subject };
}

/** Whether a change has come about, once Stripe has forgotten the keys of its steps. */
export async function findChanged(stripe: StripeGateway, intent: Intent): Promise<{ id: string } | null> {
  const change = intent.params as unknown as SubscriptionChange;
  const now = await stripe.subscription(intent.subject);
  return now && hasComeAbout(change, now) ? { id: now.id } : null;
}

function hasComeAbout(change: SubscriptionChange, now: Stripe.Subscription): boolean {
  switch (change.change) {
    case "cancel-at-period-end":
      return endsByItself(now);
    case "cancel-now":
      return now.ended_at !== null;
    case "resume":
      return !endsByItself(now) && now.schedule === null;
    case "unpause":
      return now.status === "active";
    case "switch-now":
      return isOn(now.items.data[0], change);
    case "switch-later":
      return phasesOf(now).some((phase) => isOn(phase.items[0], change));
  }
}

/** Takes an unpaid change back, unless it has been paid for meanwhile: Stripe then forgets it. */
export async function discardPendingUpdate(
  stripe: StripeGateway,
  { subject, params }: Intent,
  key: string,
): Promise<{ id: string }> {
  await voidUnpaid(stripe, String(params.invoice), key);
  return { id: subject };
}

/** Each step reads first: what is as it should be already is left alone. */
class Steps {
  constructor(
    private readonly stripe: StripeGateway,
    private readonly id: string,
    private readonly key: string,
  ) {}

  async cancelAtPeriodEnd({
    comment,
    scheduledPlan,
  }: Extract<SubscriptionChange, { change: "cancel-at-period-end" }>): Promise<void> {
    await this.discardPending();
    await this.release();
    const now = await this.running();
    // the portal schedules a cancel by its date: that one stands
    if (now.cancel_at !== null && !now.cancel_at_period_end) return;
    await this.update("cancel", {
      cancel_at_period_end: true,
      ...(comment && { cancellation_details: { comment } }),
      metadata: { [SCHEDULED_PLAN]: scheduledPlan ?? "" },
    });
  }

  async cancelNow({
    comment,
    prorate,
  }: Extract<SubscriptionChange, { change: "cancel-now" }>): Promise<void> {
    const now = await this.stripe.subscription(this.id);
    if (now?.ended_at) return;
    await this.discardPending();
    await this.stripe.subscriptions.cancel(this.id, {
      ...(comment && { cancellation_details: { comment } }),
      ...(prorate && { prorate: true, invoice_now: true }),
    });
  }

  /** A cancel that was scheduled, in either of Stripe's ways, is taken back. */
  async keep(): Promise<void> {
    const now = await this.running();
    if (!endsByItself(now)) return;
    await this.update("keep", {
      ...(now.cancel_at_period_end ? { cancel_at_period_end: false } : { cancel_at: "" }),
      metadata: { [SCHEDULED_PLAN]: "" },
    });
  }

  async unpause(): Promise<void> {
    const now = await this.running();
    if (now.status !== "paused") return;
    await this.stripe.subscriptions.unpause(this.id, this.step("unpause"));
    const after = await this.running();
    const payment = after.status === "paused" ? await this.awaited(after) : null;
    if (!payment || payment.status === "processing") return;
    await voidUnpaid(this.stripe, idOf(after.latest_invoice as Stripe.Invoice), this.step("void"));
    throw payment.status === "requires_action"
      ? new PaymentActionRequired()
      : new PaymentDeclined(payment.failure ?? "card_declined");
  }

  async switchNow(change: Extract<SubscriptionChange, { change: "switch-now" }>): Promise<void> {
    await this.discardPending(change);
    await this.release();
    const { price, quantity, prorationDate } = change;
    const before = await this.running();
    if (!isOn(before.items.data[0], change))
      await this.update("switch", {
        items: [{ id: itemOf(before).id, price, quantity }],
        proration_behavior: "always_invoice",
        proration_date: prorationDate,
        payment_behavior: "pending_if_incomplete",
      });
    // what Stripe answered may be a replay: what it says now counts
    const after = await this.running();
    if (isOn(after.items.data[0], change)) return this.keep();
    const payment = after.pending_update ? await this.awaited(after) : null;
    if (payment?.status === "requires_action" || payment?.status === "processing") return;
    await this.discardPending();
    if (change.scheduled) await this.switchLater(change.scheduled, "again");
    throw new PaymentDeclined(payment?.failure ?? "card_declined");
  }

  /** The present terms until the period ends, then the other ones. */
  async switchLater({ price, quantity }: Terms, of = "later"): Promise<void> {
    await this.discardPending();
    await this.keep();
    const now = await this.running();
    const attached = now.schedule as Stripe.SubscriptionSchedule | null;
    const schedule =
      attached ?? (await this.stripe.subscriptions.schedule(this.id, this.step(`${of}:schedule`)));
    const { current_phase: current, id } = schedule;
    const item = itemOf(now);
    const kept = {
      ...(now.default_payment_method && { default_payment_method: idOf(now.default_payment_method) }),
      ...(now.discounts.length > 0 && { discounts: now.discounts.map((one) => ({ discount: idOf(one) })) }),
      proration_behavior: "none" as const,
    };
    await this.stripe.subscriptions.reschedule(
      id,
      {
        end_behavior: "release",
        proration_behavior: "none",
        phases: [
          {
            ...kept,
            items: [{ price: item.price.id, quantity: item.quantity ?? 1 }],
            start_date: current?.start_date ?? item.current_period_start,
            end_date: item.current_period_end,
          },
          { ...kept, items: [{ price, quantity }], duration: await this.intervalOf(price) },
        ],
      },
      this.step(`${of}:phases`),
    );
  }

  /** Lets the subscription go on without the schedule that it has. */
  async release(): Promise<void> {
    const { schedule } = await this.running();
    if (schedule) await this.stripe.subscriptions.release(idOf(schedule), this.step("release"));
  }

  /**
   * Takes back a change that waits to be paid for.
   * @param but a change that may go on waiting: it is the one that is being made
   */
  private async discardPending(but?: Terms): Promise<void> {
    const { pending_update: pending, latest_invoice: invoice } = await this.running();
    if (!pending || !invoice || (but && isOn(pending.subscription_items?.[0], but))) return;
    await voidUnpaid(this.stripe, idOf(invoice), this.step(`void:${idOf(invoice)}`));
  }

  private awaited({ latest_invoice: invoice }: Stripe.Subscription) {
    return invoice ? this.stripe.subscriptions.awaitedPayment(idOf(invoice)) : Promise.resolve(null);
  }

  private async intervalOf(price: string) {
    const { interval, interval_count } = (await this.stripe.price(price))?.recurring ?? {
      interval: "month" as const,
      interval_count: 1,
    };
    return { interval, interval_count };
  }

  /** @throws SubscriptionNotActive when it has ended, or Stripe does not know it */
  private async running(): Promise<Stripe.Subscription> {
    const now = await this.stripe.subscription(this.id);
    if (!now || now.ended_at) throw new SubscriptionNotActive();
    return now;
  }

  private update(step: string, params: Stripe.SubscriptionUpdateParams): Promise<Stripe.Subscription> {
    return this.stripe.subscriptions.update(this.id, params, this.step(step));
  }

  private step(name: string): string {
    return `${this.key}:${name}`;
  }
}

/** Voids an invoice that is still open. */
export async function voidUnpaid(stripe: StripeGateway, invoiceId: string, key: string): Promise<void> {
  if ((await stripe.invoice(invoiceId))?.status !== "open") return;
  await stripe.subscriptions.voidInvoice(invoiceId, key);
}

const endsByItself = (now: Stripe.Subscription) => now.cancel_at_period_end || now.cancel_at !== null;

/** An item as subscriptions and phases have it. */
interface ItemLike {
  price: string | { id: string };
  quantity?: number | null | undefined;
}

const isOn = (item: ItemLike | undefined, { price, quantity }: Terms) =>
  item !== undefined && idOf(item.price) === price && (item.quantity ?? 1) === quantity;

function itemOf(now: Stripe.Subscription): Stripe.SubscriptionItem {
  const [item] = now.items.data;
  if (!item) throw new SubscriptionNotActive();
  return item;
}

const phasesOf = ({ schedule }: Stripe.Subscription) =>
  schedule && typeof schedule !== "string" ? schedule.phases : [];

import type Stripe from "stripe";
import { Conflict, PaymentActionRequired, PaymentDeclined, SubscriptionNotActive } from "../errors.ts";
import { hashOf } from "../hash.ts";
import { isMissing, outcomeOf } from "../stripe/errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { SCHEDULED_PLAN } from "../stripe/metadata.ts";
import { idOf } from "../sync/values.ts";
import type { Of, Outlook } from "./subscription-changes.ts";
import { endsByItself, isOn, type Terms } from "./subscription-terms.ts";
import { giveUp, voidUnpaid } from "./unpaid.ts";

/** Each step reads first: what is as it should be already is left alone. */
export class Steps {
  constructor(
    private readonly stripe: StripeGateway,
    private readonly id: string,
    private readonly key: string,
  ) {}

  async cancelAtPeriodEnd({ comment, scheduledPlan }: Of<"cancel-at-period-end">): Promise<void> {
    await this.discardPending();
    await this.release();
    const now = await this.running();
    // the portal schedules a cancel by its date: one with the period stands
    const ends = now.cancel_at !== null && now.cancel_at <= itemOf(now).current_period_end;
    await this.update("cancel", {
      ...(!ends && { cancel_at_period_end: true }),
      ...(comment && { cancellation_details: { comment } }),
      metadata: { [SCHEDULED_PLAN]: scheduledPlan ?? "" },
    });
  }

  async cancelNow({ comment, prorate }: Of<"cancel-now">): Promise<void> {
    const now = await this.stripe.subscription(this.id);
    if (now?.ended_at) return;
    if (now?.status === "incomplete") return giveUp(this.stripe, this.id, this.key);
    await this.discardPending();
    await this.stripe.subscriptions.cancel(this.id, {
      ...(comment && { cancellation_details: { comment } }),
      ...(prorate && { prorate: true, invoice_now: true }),
    });
  }

  /** Nothing is to happen at the end of the period but its renewal. */
  async clearOutlook(): Promise<void> {
    await this.release();
    const now = await this.running();
    if (!endsByItself(now)) return;
    await this.update("keep", {
      ...(now.cancel_at_period_end ? { cancel_at_period_end: false } : { cancel_at: "" }),
      proration_behavior: "none",
      metadata: { [SCHEDULED_PLAN]: "" },
    });
  }

  async unpause(): Promise<void> {
    const now = await this.running();
    if (now.status !== "paused") return;
    await this.charging(() => this.stripe.subscriptions.unpause(this.id, this.step("unpause")));
    const after = await this.running();
    const payment = after.status === "paused" ? await this.awaited(after) : null;
    if (!payment || payment.status === "processing") return;
    await voidUnpaid(this.stripe, idOf(after.latest_invoice as Stripe.Invoice), this.step("void"));
    throw payment.status === "requires_action"
      ? new PaymentActionRequired()
      : new PaymentDeclined(payment.failure ?? "card_declined");
  }

  /** The change is made when it is paid for. What was to follow is put back when it is refused, by whomever. */
  async switchNow(change: Of<"switch-now">): Promise<void> {
    await this.discardPending(change);
    await this.clearOutlook();
    try {
      const payment = await this.bill(change);
      if (payment !== "refused") return;
      await this.discardPending();
    } catch (error) {
      if (outcomeOf(error) !== "unknown") await this.putBack(change.before);
      throw error;
    }
    await this.putBack(change.before);
    throw new PaymentDeclined(this.failure ?? "card_declined");
  }

  /** What the bank said of the last payment that was refused. */
  private failure: string | null = null;

  private async bill(change: Of<"switch-now">): Promise<"paid" | "waits" | "refused"> {
    const { price, quantity, prorationDate } = change;
    const before = await this.running();
    if (!isOn(before.items.data[0], change))
      await this.charging(() =>
        this.update("switch", {
          items: [{ id: itemOf(before).id, price, quantity }],
          proration_behavior: "always_invoice",
          proration_date: prorationDate,
          payment_behavior: "pending_if_incomplete",
        }),
      );
    // what Stripe answered may be a replay: what it says now counts
    const after = await this.running();
    if (isOn(after.items.data[0], change)) return "paid";
    const payment = after.pending_update ? await this.awaited(after) : null;
    if (payment?.status === "requires_action" || payment?.status === "processing") return "waits";
    this.failure = payment?.failure ?? null;
    return "refused";
  }

  /** The present terms until the period ends, then the other ones. */
  async switchLater(terms: Terms): Promise<void> {
    await this.discardPending();
    const now = await this.running();
    if (endsByItself(now)) await this.clearOutlook();
    await this.follow(terms, await this.scheduled());
  }

  async putBack({ scheduled, end }: Outlook): Promise<void> {
    const now = await this.running();
    if (scheduled && !endsByItself(now)) await this.follow(scheduled, await this.scheduled());
    if (
      !end ||
      endsByItself(now) ||
      (end.cancelAt !== null && end.cancelAt <= itemOf(now).current_period_start)
    )
      return;
    await this.update("end", {
      ...(end.cancelAt === null ? { cancel_at_period_end: true } : { cancel_at: end.cancelAt }),
      proration_behavior: "none",
      metadata: { [SCHEDULED_PLAN]: end.scheduledPlan ?? "" },
    });
  }

  /** The schedule of the subscription, made when it has none. A key may name one that has been released since. */
  private async scheduled(): Promise<Stripe.Subscription> {
    for (let turn = 0; ; turn++) {
      const now = await this.running();
      if (now.schedule) return now;
      if (turn === 3) throw new Conflict("This subscription cannot be scheduled just now.");
      await this.stripe.subscriptions.schedule(this.id, this.step(`schedule:${turn}`));
    }
  }

  private async follow({ price, quantity }: Terms, now: Stripe.Subscription): Promise<void> {
    const { current_phase: current, id } = now.schedule as Stripe.SubscriptionSchedule;
    const item = itemOf(now);
    const kept = {
      ...(now.default_payment_method && { default_payment_method: idOf(now.default_payment_method) }),
      ...(now.discounts.length > 0 && { discounts: now.discounts.map((one) => ({ discount: idOf(one) })) }),
      proration_behavior: "none" as const,
    };
    const phases = [
      {
        ...kept,
        items: [{ price: item.price.id, quantity: item.quantity ?? 1 }],
        start_date: current?.start_date ?? item.current_period_start,
        end_date: item.current_period_end,
      },
      { ...kept, items: [{ price, quantity }], duration: await this.intervalOf(price) },
    ];
    const params = { end_behavior: "release", proration_behavior: "none", phases } as const;
    await this.stripe.subscriptions.reschedule(id, params, this.step("phases", { id, params }));
  }

  /** Lets the subscription go on without the schedule that it has. */
  private async release(): Promise<void> {
    const { schedule } = await this.running();
    if (schedule)
      await this.stripe.subscriptions.release(idOf(schedule), this.step(`release:${idOf(schedule)}`));
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

  /** A call that charges: nothing to charge is said in the subscriber's words. */
  private async charging(call: () => Promise<unknown>): Promise<void> {
    await call().catch((error: unknown) => {
      if (isMissing(error))
        throw new Conflict("There is no payment method that could be charged: add one first.");
      throw error;
    });
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
    return this.stripe.subscriptions.update(this.id, params, this.step(step, params));
  }

  /** A key of its own for each step, and for other parameters of it: what was read in between may have changed them. */
  private step(name: string, params?: object): string {
    return [this.key, name, ...(params ? [hashOf(params).slice(0, 16)] : [])].join(":");
  }
}

function itemOf(now: Stripe.Subscription): Stripe.SubscriptionItem {
  const [item] = now.items.data;
  if (!item) throw new SubscriptionNotActive();
  return item;
}

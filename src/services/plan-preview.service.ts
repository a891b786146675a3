import type { EntityManager } from "@mikro-orm/postgresql";
import type Stripe from "stripe";
import type { Caller } from "../auth/caller.ts";
import type { Clock } from "../clock.ts";
import { InvoiceLine } from "../entities/invoice.ts";
import type { Subscription } from "../entities/subscription.ts";
import { SubscriptionNotActive } from "../errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { currencyOf, idOf, instantOf } from "../sync/values.ts";
import { MonetaryAmount } from "../types/money.ts";
import type { PlanChangePreview } from "../types/results.ts";
import type { PlannedMove, SubscriptionChanges } from "./subscription-changes.service.ts";

/** What a change of plan would cost, as Stripe itself would bill it. */
export class PlanPreviewService {
  constructor(
    private readonly em: EntityManager,
    private readonly stripe: StripeGateway,
    private readonly clock: Clock,
    private readonly changes: SubscriptionChanges,
  ) {}

  /**
   * The very invoice that `changePlan` makes with this preview's `prorationDate`, or in the same second.
   * @throws NotFound, BadUserInput, PlanInactive, SubscriptionNotActive as the change would; ProviderUnavailable,
   * never a guess
   */
  async preview(
    caller: Caller,
    subscriptionId: string,
    terms: { planId: string; quantity?: number | null },
  ): Promise<PlanChangePreview> {
    const em = this.em.fork();
    const row = await this.changes.find(em, caller, subscriptionId);
    const planned = await this.changes.plan(em, row, terms, (field) => field);
    const at = new Date(Math.floor(this.clock.now().getTime() / 1000) * 1000);
    const remote = await this.stripe.subscription(row.stripeSubscriptionId);
    if (!remote || remote.ended_at) throw new SubscriptionNotActive();
    return planned.move === "now" ? this.now(remote, planned, at) : this.later(remote, row, planned, at);
  }

  private async now(remote: Stripe.Subscription, planned: PlannedMove, at: Date): Promise<PlanChangePreview> {
    const invoice = await this.stripe.subscriptions.preview({
      customer: idOf(remote.customer),
      subscription: remote.id,
      subscription_details: {
        ...changed(remote, planned),
        proration_behavior: "always_invoice",
        proration_date: at.getTime() / 1000,
      },
    });
    // in a trial nothing is billed before its end: the invoice foretold is the next regular one
    const isTrialing = remote.status === "trialing";
    const next = isTrialing ? invoice : await this.regular(remote, planned);
    const due = invoice.total < 0 ? invoice.total : invoice.amount_due;
    return {
      amountDueNow: moneyOf(invoice, isTrialing ? 0 : due),
      nextInvoiceTotal: moneyOf(next, next.total),
      appliesImmediately: true,
      effectiveAt: at,
      prorationDate: at,
      lines: linesOf(invoice),
    };
  }

  private async later(
    remote: Stripe.Subscription,
    row: Subscription,
    planned: PlannedMove,
    at: Date,
  ): Promise<PlanChangePreview> {
    const { currency } = planned.from.plan;
    const none = new MonetaryAmount(0, currency);
    const rest = { amountDueNow: none, appliesImmediately: false, prorationDate: at };
    const effectiveAt = row.currentPeriodEnd ?? at;
    if (planned.move === "to-free") return { ...rest, nextInvoiceTotal: none, effectiveAt, lines: [] };
    const next = await this.regular(remote, planned);
    return { ...rest, nextInvoiceTotal: moneyOf(next, next.total), effectiveAt, lines: linesOf(next) };
  }

  /** A whole period of the new terms, as this subscription will be billed for it: its discounts, what waits for it. */
  private regular(remote: Stripe.Subscription, planned: PlannedMove): Promise<Stripe.Invoice> {
    return this.stripe.subscriptions.preview({
      customer: idOf(remote.customer),
      subscription: remote.id,
      subscription_details: { ...changed(remote, planned), proration_behavior: "none" },
    });
  }
}

/** The change itself; a cancel that was scheduled is taken back by it. */
function changed(remote: Stripe.Subscription, planned: PlannedMove) {
  const [item] = remote.items.data;
  const isByDate = remote.cancel_at !== null && !remote.cancel_at_period_end;
  return {
    items: [{ ...(item && { id: item.id }), ...termsOf(planned) }],
    ...(remote.cancel_at_period_end && { cancel_at_period_end: false }),
    ...(isByDate && { cancel_at: "" as const }),
  };
}

const termsOf = ({ to }: PlannedMove) => ({ price: to.plan.stripePriceId as string, quantity: to.quantity });

const moneyOf = ({ currency }: Stripe.Invoice, minor: number) =>
  new MonetaryAmount(minor, currencyOf(currency));

const linesOf = ({ lines }: Stripe.Invoice): InvoiceLine[] =>
  lines.data.map(({ description, quantity, amount, currency, period }) =>
    Object.assign(new InvoiceLine(), {
      description: description ?? "",
      quantity: quantity ?? null,
      amountMinor: amount,
      currency: currencyOf(currency),
      periodStart: instantOf(period.start),
      periodEnd: instantOf(period.end),
    }),
  );

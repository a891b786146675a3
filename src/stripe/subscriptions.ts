import type Stripe from "stripe";
import { StripeCalls } from "./calls.ts";
import { isMissing } from "./errors.ts";

const PAGE = 100;

/** What becomes of the payment that a subscription, or a change of it, waits for. */
export interface AwaitedPayment {
  status: Stripe.PaymentIntent.Status;
  /** Stripe's decline code, or its error code, of the last try. */
  failure: string | null;
  /** With which Stripe.js confirms; only while the bank wants the customer. */
  clientSecret: string | null;
}

/** The gateway's calls that make, change and end subscriptions. Each takes the idempotency key of its step. */
export class SubscriptionCalls extends StripeCalls {
  create(params: Stripe.SubscriptionCreateParams, idempotencyKey: string): Promise<Stripe.Subscription> {
    return this.call("subscriptions.create", () =>
      this.stripe.subscriptions.create(params, { idempotencyKey }),
    );
  }

  /** The customer's subscription made by an intent, ended ones included. */
  byMetadata(customer: string, key: string, value: string): Promise<Stripe.Subscription | null> {
    return this.call("subscriptions.list", async () => {
      const all = this.stripe.subscriptions.list({ customer, status: "all", limit: PAGE });
      for await (const subscription of all) if (subscription.metadata[key] === value) return subscription;
      return null;
    });
  }

  update(
    id: string,
    params: Stripe.SubscriptionUpdateParams,
    idempotencyKey: string,
  ): Promise<Stripe.Subscription> {
    return this.call("subscriptions.update", () =>
      this.stripe.subscriptions.update(id, params, { idempotencyKey }),
    );
  }

  /** Ends the pause that a trial without a method ended in: a new period begins, and is paid for first. */
  unpause(id: string, idempotencyKey: string): Promise<Stripe.Subscription> {
    return this.call("subscriptions.resume", () =>
      this.stripe.subscriptions.resume(
        id,
        { billing_cycle_anchor: { type: "now" }, payment_behavior: "resume_on_payment_success" },
        { idempotencyKey },
      ),
    );
  }

  /** Ends it now. A DELETE has no idempotency key, so one that has ended already is as good as ended by this call. */
  async cancel(id: string, params: Stripe.SubscriptionCancelParams): Promise<Stripe.Subscription> {
    try {
      return await this.call("subscriptions.cancel", () => this.stripe.subscriptions.cancel(id, params));
    } catch (error) {
      if (!isMissing(error)) throw error;
      const subscription = await this.call("subscriptions.retrieve", () =>
        this.stripe.subscriptions.retrieve(id),
      );
      if (subscription.ended_at) return subscription;
      throw error;
    }
  }

  /** A schedule that takes a running subscription over; its current period is the only phase. */
  schedule(subscriptionId: string, idempotencyKey: string): Promise<Stripe.SubscriptionSchedule> {
    return this.call("subscriptionSchedules.create", () =>
      this.stripe.subscriptionSchedules.create({ from_subscription: subscriptionId }, { idempotencyKey }),
    );
  }

  reschedule(
    id: string,
    params: Stripe.SubscriptionScheduleUpdateParams,
    idempotencyKey: string,
  ): Promise<Stripe.SubscriptionSchedule> {
    return this.call("subscriptionSchedules.update", () =>
      this.stripe.subscriptionSchedules.update(id, params, { idempotencyKey }),
    );
  }

  /** Lets the subscription go on as it is, without its schedule. */
  release(scheduleId: string, idempotencyKey: string): Promise<Stripe.SubscriptionSchedule> {
    return this.call("subscriptionSchedules.release", () =>
      this.stripe.subscriptionSchedules.release(scheduleId, {}, { idempotencyKey }),
    );
  }

  voidInvoice(id: string, idempotencyKey: string): Promise<Stripe.Invoice> {
    return this.call("invoices.voidInvoice", () =>
      this.stripe.invoices.voidInvoice(id, {}, { idempotencyKey }),
    );
  }

  preview(params: Stripe.InvoiceCreatePreviewParams): Promise<Stripe.Invoice> {
    return this.call("invoices.createPreview", () => this.stripe.invoices.createPreview(params));
  }

  /** The payment of an invoice that is still open; null for any other invoice, and for one without a payment. */
  async awaitedPayment(invoiceId: string): Promise<AwaitedPayment | null> {
    const invoice = await this.call("invoices.retrieve", () =>
      this.stripe.invoices.retrieve(invoiceId, {
        expand: ["confirmation_secret", "payments.data.payment.payment_intent"],
      }),
    );
    if (invoice.status !== "open") return null;
    const intent = invoice.payments?.data.find((payment) => payment.is_default)?.payment.payment_intent;
    if (!intent || typeof intent === "string") return null;
    const { last_payment_error: failure, status } = intent;
    const isWanted = status === "requires_action";
    return {
      status,
      failure: failure ? (failure.decline_code ?? failure.code ?? null) : null,
      clientSecret: isWanted ? (invoice.confirmation_secret?.client_secret ?? intent.client_secret) : null,
    };
  }
}

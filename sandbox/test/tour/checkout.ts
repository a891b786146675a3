import type Stripe from "stripe";
import { order, type TestSandbox } from "../support/sandbox.ts";

/** A subscription by Checkout: declined, paid, looked at from all sides, ended. */
export async function checkout(box: TestSandbox): Promise<void> {
  const { stripe } = box;
  const { session, customer } = await order(stripe, {
    client_reference_id: "u1",
    locale: "de",
    allow_promotion_codes: true,
    metadata: { intent: "1" },
    subscription_data: { metadata: { user: "u1" }, description: "Access" },
  });
  await stripe.checkout.sessions.update(session.id, { metadata: { more: "yes" } });
  await box.complete(session.id, "pm_card_chargeDeclined");
  await box.complete(session.id, "pm_card_visa");
  await stripe.checkout.sessions.list({
    customer: customer.id,
    expand: ["data.line_items", "data.subscription"],
  });
  await stripe.checkout.sessions.listLineItems(session.id);
  const paid = await stripe.checkout.sessions.retrieve(session.id, {
    expand: ["line_items", "customer", "invoice.payments", "subscription.latest_invoice"],
  });
  await reads(stripe, paid);
  await stripe.subscriptions.update((paid.subscription as Stripe.Subscription).id, {
    cancel_at_period_end: true,
  });
  await stripe.subscriptions.cancel((paid.subscription as Stripe.Subscription).id);
  const open = await order(stripe);
  await stripe.checkout.sessions.expire(open.session.id);
  await stripe.customers.del(customer.id);
  await stripe.customers.retrieve(customer.id);
  await stripe.customers.retrieve("cus_unknown").catch(() => {});
  const [event] = (await stripe.events.list({ limit: 1 })).data;
  await stripe.events.retrieve(event!.id);
}

async function reads(stripe: Stripe, session: Stripe.Checkout.Session): Promise<void> {
  const { id } = session.subscription as Stripe.Subscription;
  const invoice = (session.invoice as Stripe.Invoice).id;
  const customer = (session.customer as Stripe.Customer).id;
  await stripe.subscriptions.retrieve(id, { expand: ["default_payment_method", "items.data.price.product"] });
  await stripe.subscriptions.list({ customer, status: "all", expand: ["data.customer"] });
  await stripe.invoices.retrieve(invoice, {
    expand: [
      "confirmation_secret",
      "payments.data.payment.payment_intent",
      "parent.subscription_details.subscription",
    ],
  });
  await stripe.invoices.list({ subscription: id, status: "paid" });
  await stripe.invoices.listLineItems(invoice);
  const [payment] = (await stripe.invoicePayments.list({ invoice })).data;
  await stripe.invoicePayments.retrieve(payment!.id, { expand: ["invoice"] });
  const intent = String(payment!.payment.payment_intent);
  await stripe.invoicePayments.list({ payment: { type: "payment_intent", payment_intent: intent } });
  await stripe.paymentIntents.retrieve(intent, { expand: ["latest_charge", "payment_method", "customer"] });
  await stripe.paymentIntents.list({ customer });
  const [charge] = (await stripe.charges.list({ payment_intent: intent })).data;
  await stripe.charges.retrieve(charge!.id, { expand: ["refunds", "payment_intent"] });
}

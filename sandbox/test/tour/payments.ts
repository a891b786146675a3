import type Stripe from "stripe";
import type { TestSandbox } from "../support/sandbox.ts";

const RETURN = "https://shop.test/back";

/** A payment of 39.00 USD that is confirmed at once. */
const pay = (stripe: Stripe, payment_method: string, more: Partial<Stripe.PaymentIntentCreateParams> = {}) =>
  stripe.paymentIntents.create({
    amount: 3900,
    currency: "usd",
    payment_method,
    confirm: true,
    return_url: RETURN,
    ...more,
  });

const charged = async (stripe: Stripe, payment_method: string): Promise<string> =>
  String((await pay(stripe, payment_method)).latest_charge);

/** Payment intents and their charges. */
export async function payments(box: TestSandbox): Promise<void> {
  const { stripe } = box;
  const customer = await stripe.customers.create({ email: "payer@example.com" });
  const held = await stripe.paymentIntents.create({
    amount: 5000,
    currency: "usd",
    customer: customer.id,
    capture_method: "manual",
    description: "Held",
    metadata: { order: "1" },
    receipt_email: "payer@example.com",
    setup_future_usage: "off_session",
    shipping: { name: "Payer", address: { city: "Bern", country: "CH" } },
    statement_descriptor_suffix: "ORDER",
    automatic_payment_methods: { enabled: true, allow_redirects: "never" },
    excluded_payment_method_types: ["us_bank_account"],
  });
  await stripe.paymentIntents.update(held.id, { amount: 6000, payment_method: "pm_card_visa" });
  await stripe.paymentIntents.confirm(held.id, { payment_method: "pm_card_visa" });
  await stripe.paymentIntents.capture(held.id, { amount_to_capture: 4000 });
  await stripe.paymentIntents.retrieve(held.id, {
    client_secret: held.client_secret!,
    expand: ["latest_charge.balance_transaction", "payment_method", "customer"],
  });
  const asked = await pay(stripe, "pm_card_authenticationRequired");
  await stripe.paymentIntents.cancel(asked.id, { cancellation_reason: "abandoned" });
  await pay(stripe, "pm_card_chargeDeclinedInsufficientFunds").catch(() => {});
  await pay(stripe, "pm_card_authenticationRequired", { off_session: true }).catch(() => {});
  await pay(stripe, "pm_usBankAccount_success", {
    mandate_data: { customer_acceptance: { type: "online", online: { ip_address: "::1", user_agent: "x" } } },
  });
  await pay(stripe, "pm_failed_de", { currency: "eur" });
  await stripe.paymentIntents.create({
    amount: 3900,
    currency: "eur",
    confirm: true,
    return_url: RETURN,
    payment_method_data: { type: "sepa_debit", sepa_debit: { iban: "DE89370400440532013000" } },
  });
  await box.advance({ seconds: 10 });
  await stripe.paymentIntents.list({ customer: customer.id });
  const second = await pay(stripe, "pm_card_visa", { capture_method: "manual", customer: customer.id });
  const charge = await stripe.charges.capture(String(second.latest_charge), { amount: 100 });
  await stripe.charges.update(charge.id, {
    description: "Seen",
    fraud_details: { user_report: "safe" },
    metadata: { seen: "yes" },
  });
  await stripe.charges.retrieve(charge.id, { expand: ["balance_transaction.source"] });
  await stripe.charges.list({ customer: customer.id });
  const [method] = (await stripe.customers.listPaymentMethods(customer.id)).data;
  await stripe.customers.retrievePaymentMethod(customer.id, method!.id);
  await box.control(`/payment_methods/${method!.id}/update`, { exp_year: 2040, last4: "4343" });
}

/** Setup intents. */
export async function setups(box: TestSandbox): Promise<void> {
  const { stripe } = box;
  const customer = await stripe.customers.create();
  const setup = await stripe.setupIntents.create({
    customer: customer.id,
    usage: "off_session",
    metadata: { a: "1" },
  });
  await stripe.setupIntents.update(setup.id, { payment_method: "pm_card_authenticationRequired" });
  await stripe.setupIntents.confirm(setup.id, { return_url: RETURN });
  await box.control(`/setup_intents/${setup.id}/authenticate`, { outcome: "fail" });
  await stripe.setupIntents.confirm(setup.id, { payment_method: "pm_card_visa", return_url: RETURN });
  await stripe.setupIntents.retrieve(setup.id, { expand: ["payment_method", "customer"] });
  await stripe.setupIntents.list({ customer: customer.id });
  await stripe.setupIntents
    .create({ payment_method: "pm_card_chargeDeclined", confirm: true, return_url: RETURN })
    .catch(() => {});
  const other = await stripe.setupIntents.create({
    automatic_payment_methods: { enabled: true, allow_redirects: "never" },
  });
  await stripe.setupIntents.cancel(other.id, { cancellation_reason: "abandoned" });
  await stripe.paymentMethods.create({ type: "sepa_debit", sepa_debit: { iban: "AT611904300234573201" } });
  await stripe.paymentMethods.create({
    type: "us_bank_account",
    us_bank_account: {
      account_number: "000123456789",
      routing_number: "110000000",
      account_type: "checking",
    },
    billing_details: { name: "Payer" },
  });
}

/** Refunds, disputes, and the balance they move. */
export async function reversals(box: TestSandbox): Promise<void> {
  const { stripe } = box;
  const refund = await stripe.refunds.create({
    charge: await charged(stripe, "pm_card_visa"),
    amount: 100,
    reason: "requested_by_customer",
    metadata: { a: "b" },
  });
  await stripe.refunds.update(refund.id, { metadata: { a: "c" } });
  await stripe.refunds.retrieve(refund.id, { expand: ["charge", "balance_transaction"] });
  await stripe.refunds.list({ charge: String(refund.charge) });
  await stripe.refunds.create({ charge: await charged(stripe, "pm_card_refundFail") });
  const pending = await stripe.refunds.create({ charge: await charged(stripe, "pm_card_pendingRefund") });
  await box.control(`/refunds/${pending.id}`, { status: "requires_action" });
  await stripe.refunds.cancel(pending.id);
  await box.advance({ seconds: 400 });

  await charged(stripe, "pm_card_createDispute");
  await charged(stripe, "pm_card_createDisputeInquiry");
  const [inquiry, dispute] = (await stripe.disputes.list({ limit: 2 })).data;
  await stripe.disputes.update(dispute!.id, { evidence: { customer_name: "Payer" }, submit: false });
  await stripe.disputes.update(dispute!.id, { evidence: { uncategorized_text: "winning_evidence" } });
  await stripe.disputes.retrieve(dispute!.id, { expand: ["charge"] });
  await stripe.disputes.close(inquiry!.id);
  await stripe.balance.retrieve();
  const [movement] = (await stripe.balanceTransactions.list({ type: "adjustment", expand: ["data.source"] }))
    .data;
  await stripe.balanceTransactions.retrieve(movement!.id);
}

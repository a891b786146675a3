import type Stripe from "stripe";
import type { TestSandbox } from "./sandbox.ts";

export const CARDS = [
  "pm_card_visa",
  "pm_card_chargeCustomerFail",
  "pm_card_authenticationRequired",
  "pm_card_createDispute",
  "pm_card_pendingRefund",
  "pm_card_refundFail",
  "pm_usBankAccount_success",
  "pm_usBankAccount_insufficientFunds",
  "pm_usBankAccount_processing",
];

/** What a history may do; `pick` chooses among what is there. */
export interface Step {
  verb: keyof typeof VERBS;
  pick: number;
  amount: number;
  flag: boolean;
}

export interface Scene {
  box: TestSandbox;
  stripe: Stripe;
  customer: string;
  prices: string[];
  coupon: string;
}

const choose = <T>(from: T[], pick: number): T | undefined => from[pick % Math.max(1, from.length)];
/** Mostly one that the verb is meant for; sometimes any, to be refused. */
const aim = <T>(from: T[], isMeant: (one: T) => boolean, pick: number): T | undefined =>
  choose(pick % 5 === 0 ? from : from.filter(isMeant), pick);
const subscriptions = async ({ stripe, customer }: Scene) =>
  (await stripe.subscriptions.list({ customer, status: "all" })).data;
const invoices = async ({ stripe, customer }: Scene) =>
  (await stripe.invoices.list({ customer, limit: 20 })).data;
const isActive = ({ status }: Stripe.Subscription) => status === "active";
const isOpen = ({ status }: Stripe.PaymentIntent) => status.startsWith("requires_");
const charges = async ({ stripe }: Scene) => (await stripe.charges.list({ limit: 20 })).data;

async function useCard({ stripe, customer }: Scene, token: string): Promise<string> {
  const method = await stripe.paymentMethods.attach(token, { customer });
  await stripe.customers.update(customer, { invoice_settings: { default_payment_method: method.id } });
  return method.id;
}

/** Each returns whether there was something to do; what Stripe refuses it throws. */
export const VERBS = {
  async subscribe(scene: Scene, { pick, flag, amount }: Step) {
    const { stripe, customer, prices, coupon } = scene;
    await useCard(scene, choose(CARDS, pick)!);
    return stripe.subscriptions.create({
      customer,
      items: [{ price: choose(prices, pick)!, quantity: 1 + (amount % 3) }],
      payment_behavior: flag ? "allow_incomplete" : "default_incomplete",
      ...(pick % 5 === 0 && { discounts: [{ coupon }] }),
      ...(pick % 7 === 0 && { trial_period_days: 5 }),
    });
  },
  async change(scene: Scene, { pick, flag, amount }: Step) {
    const subscription = choose(await subscriptions(scene), pick);
    const item = subscription?.items.data[0];
    if (!subscription || !item) return;
    return scene.stripe.subscriptions.update(subscription.id, {
      items: [{ id: item.id, price: choose(scene.prices, amount)!, quantity: 1 + (pick % 4) }],
      proration_behavior: flag ? "always_invoice" : "create_prorations",
      ...(amount % 3 === 0 && { payment_behavior: "error_if_incomplete" as const }),
      ...(amount % 5 === 0 && { payment_behavior: "pending_if_incomplete" as const }),
    });
  },
  async pend(scene: Scene, { pick, amount }: Step) {
    const subscription = aim(await subscriptions(scene), isActive, pick);
    const item = subscription?.items.data[0];
    if (!subscription || !item) return;
    return scene.stripe.subscriptions.update(subscription.id, {
      items: [{ id: item.id, quantity: 2 + (amount % 7) }],
      ...{ proration_behavior: "always_invoice", payment_behavior: "pending_if_incomplete" },
    });
  },
  async planEnd(scene: Scene, { pick, flag }: Step) {
    const subscription = aim(await subscriptions(scene), isActive, pick);
    const cancel_at_period_end = !subscription?.cancel_at_period_end;
    return (
      subscription &&
      scene.stripe.subscriptions.update(subscription.id, {
        ...(flag ? { cancel_at_period_end } : { cancel_at: "min_period_end" as const }),
      })
    );
  },
  async cancel(scene: Scene, { pick, flag }: Step) {
    const subscription = choose(await subscriptions(scene), pick);
    return (
      subscription && scene.stripe.subscriptions.cancel(subscription.id, { prorate: flag, invoice_now: flag })
    );
  },
  async stop(scene: Scene, { pick, flag, amount }: Step) {
    const subscription = aim(await subscriptions(scene), isActive, pick);
    const from = choose(["now", "none", "item_current_period_start"] as const, amount)!;
    return (
      subscription &&
      scene.stripe.subscriptions.pause(subscription.id, {
        invoicing_behavior: flag ? "invoice" : "pending_invoice_item",
        bill_for: { outstanding_usage_through: { type: "now" }, unused_time_from: { type: from } },
      })
    );
  },
  async goOn(scene: Scene, { pick, flag, amount }: Step) {
    const subscription = aim(await subscriptions(scene), ({ status }) => status === "paused", pick);
    const payment_behavior = amount % 2 ? "resume_on_payment_attempt" : "resume_on_payment_success";
    return (
      subscription &&
      scene.stripe.subscriptions.resume(subscription.id, {
        ...{ billing_cycle_anchor: { type: flag ? "now" : "unchanged" }, payment_behavior },
      })
    );
  },
  async schedule(scene: Scene, { pick }: Step) {
    const { id } = aim(await subscriptions(scene), isActive, pick) ?? {};
    return id && scene.stripe.subscriptionSchedules.create({ from_subscription: id });
  },
  async reschedule(scene: Scene, { pick, amount, flag }: Step) {
    const { stripe, customer, prices, coupon } = scene;
    const { data } = await stripe.subscriptionSchedules.list({ customer });
    const schedule = aim(data, ({ status }) => status === "active", pick);
    const [first] = schedule?.phases ?? [];
    if (!schedule || !first) return;
    if (amount % 4 === 0) return stripe.subscriptionSchedules.release(schedule.id);
    const { end_date, start_date } = first;
    const items = first.items.map(({ price, quantity }) => ({ price: String(price), quantity: quantity! }));
    return stripe.subscriptionSchedules.update(schedule.id, {
      end_behavior: flag ? "release" : "cancel",
      phases: [
        { items, start_date, end_date, discounts: [{ coupon }] },
        { items: [{ price: choose(prices, amount)! }], duration: { interval: "month" } },
      ],
    });
  },
  async pause(scene: Scene, { pick, flag }: Step) {
    const subscription = choose(await subscriptions(scene), pick);
    const behavior = flag ? "void" : "keep_as_draft";
    return (
      subscription &&
      scene.stripe.subscriptions.update(subscription.id, {
        pause_collection: subscription.pause_collection ? "" : { behavior },
      })
    );
  },
  async swapCard(scene: Scene, { pick }: Step) {
    const method = await useCard(scene, choose(CARDS, pick)!);
    for (const { id, status } of await subscriptions(scene))
      if (status !== "canceled")
        await scene.stripe.subscriptions.update(id, { default_payment_method: method });
    return true;
  },
  async payInvoice(scene: Scene, { pick, flag }: Step) {
    const isMeant = ({ status }: Stripe.Invoice) => status === "open" || status === "uncollectible";
    const invoice = aim(await invoices(scene), isMeant, pick);
    return invoice && scene.stripe.invoices.pay(invoice.id, flag ? { paid_out_of_band: true } : {});
  },
  async authenticate(scene: Scene, { pick, flag }: Step) {
    const intents = await scene.stripe.paymentIntents.list({ customer: scene.customer });
    const intent = choose(
      intents.data.filter(({ status }) => status === "requires_action"),
      pick,
    );
    const outcome = flag ? "succeed" : "fail";
    return intent && scene.box.control(`/payment_intents/${intent.id}/authenticate`, { outcome });
  },
  async settle(scene: Scene, { pick, flag }: Step) {
    const intents = await scene.stripe.paymentIntents.list({ customer: scene.customer });
    const intent = choose(
      intents.data.filter(({ status }) => status === "processing"),
      pick,
    );
    const outcome = flag ? "succeed" : "fail";
    return intent && scene.box.control(`/payment_intents/${intent.id}/settle`, { outcome });
  },
  async repriceIntent(scene: Scene, { pick, amount }: Step) {
    const { data } = await scene.stripe.paymentIntents.list({ customer: scene.customer });
    const intent = aim(data, isOpen, pick);
    return intent && scene.stripe.paymentIntents.update(intent.id, { amount: 50 + amount });
  },
  async cancelIntent(scene: Scene, { pick }: Step) {
    const { data } = await scene.stripe.paymentIntents.list({ customer: scene.customer });
    const intent = aim(data, isOpen, pick);
    return intent && scene.stripe.paymentIntents.cancel(intent.id);
  },
  async confirmIntent(scene: Scene, { pick }: Step) {
    const { stripe, customer } = scene;
    const { data } = await stripe.paymentIntents.list({ customer });
    const intent = aim(data, isOpen, pick);
    if (!intent) return;
    const method = await stripe.paymentMethods.attach(choose(CARDS, pick)!, { customer });
    return stripe.paymentIntents.confirm(intent.id, {
      ...{ payment_method: method.id, return_url: "https://shop.test/back" },
    });
  },
  async voidNote(scene: Scene, { pick }: Step) {
    const { data } = await scene.stripe.creditNotes.list({ customer: scene.customer });
    const note = choose(data, pick);
    return note && scene.stripe.creditNotes.voidCreditNote(note.id);
  },
  async voidInvoice(scene: Scene, { pick, flag }: Step) {
    const { id } = aim(await invoices(scene), ({ status }) => status === "open", pick) ?? {};
    if (!id) return;
    return flag ? scene.stripe.invoices.voidInvoice(id) : scene.stripe.invoices.markUncollectible(id);
  },
  async invoiceByHand(scene: Scene, { pick, amount }: Step) {
    const { stripe, customer } = scene;
    await stripe.invoiceItems.create({ customer, currency: "usd", amount: (amount % 9_000) - 2_000 });
    const invoice = await stripe.invoices.create({ customer, pending_invoice_items_behavior: "include" });
    return pick % 2 ? stripe.invoices.finalizeInvoice(invoice.id) : invoice;
  },
  async refund(scene: Scene, { pick, flag, amount }: Step) {
    const charge = aim(await charges(scene), ({ captured, refunded }) => captured && !refunded, pick)?.id;
    return charge && scene.stripe.refunds.create({ charge, ...(flag && { amount: 1 + (amount % 5_000) }) });
  },
  async closeDispute(scene: Scene, { pick, flag }: Step) {
    const dispute = choose((await scene.stripe.disputes.list()).data, pick);
    return dispute && scene.box.control(`/disputes/${dispute.id}/close`, { outcome: flag ? "won" : "lost" });
  },
  async creditNote(scene: Scene, { pick, flag, amount }: Step) {
    const isMeant = ({ status, total }: Stripe.Invoice) =>
      total > 0 && (status === "paid" || status === "open");
    const invoice = aim(await invoices(scene), isMeant, pick);
    if (!invoice) return;
    const part = 1 + (amount % 2_000);
    return scene.stripe.creditNotes.create({
      ...{ invoice: invoice.id, amount: part },
      ...(invoice.status === "paid" && (flag ? { credit_amount: part } : { refund_amount: part })),
    });
  },
  async credit(scene: Scene, { amount, flag }: Step) {
    return scene.stripe.customers.createBalanceTransaction(scene.customer, {
      ...{ amount: (flag ? -1 : 1) * (amount % 3_000), currency: "usd" },
    });
  },
  async pay({ stripe, customer }: Scene, { pick, amount, flag }: Step) {
    const method = await stripe.paymentMethods.attach(choose(CARDS, pick)!, { customer });
    const confirm = pick % 4 !== 0;
    const intent = await stripe.paymentIntents.create({
      ...{ amount: 50 + amount, currency: "usd", customer, payment_method: method.id, confirm },
      capture_method: flag ? "manual" : "automatic",
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
    });
    if (intent.status !== "requires_capture") return intent;
    return amount % 2
      ? stripe.paymentIntents.capture(intent.id, { amount_to_capture: 50 })
      : stripe.paymentIntents.cancel(intent.id);
  },
  async wait({ box }: Scene, { amount }: Step) {
    return box.advance(amount % 4 ? { days: amount % 45 } : { hours: amount % 30 });
  },
};

import fc from "fast-check";
import Stripe from "stripe";
import { disagreements, readLedger } from "./support/ledger.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";

// Whatever is done, in whatever order, and refused or not: charges, refunds, credit and invoices agree.

const CARDS = [
  "pm_card_visa",
  "pm_card_chargeCustomerFail",
  "pm_card_authenticationRequired",
  "pm_card_createDispute",
  "pm_card_pendingRefund",
  "pm_card_refundFail",
];
// The same histories in every run of the suite; a search of any length is
// HISTORIES_RUNS=5000 HISTORIES_SEED=$RANDOM npm test -- --no-check sandbox/test/histories
const RUNS = Number(process.env.HISTORIES_RUNS ?? 40);
const SEED = Number(process.env.HISTORIES_SEED ?? 20_261_125);

/** What a history may do; `pick` chooses among what is there. */
interface Step {
  verb: keyof typeof VERBS;
  pick: number;
  amount: number;
  flag: boolean;
}

interface Scene {
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
const charges = async ({ stripe }: Scene) => (await stripe.charges.list({ limit: 20 })).data;

async function useCard({ stripe, customer }: Scene, token: string): Promise<string> {
  const method = await stripe.paymentMethods.attach(token, { customer });
  await stripe.customers.update(customer, { invoice_settings: { default_payment_method: method.id } });
  return method.id;
}

/** Each returns whether there was something to do; what Stripe refuses it throws. */
const VERBS = {
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
  async cancel(scene: Scene, { pick, flag }: Step) {
    const subscription = choose(await subscriptions(scene), pick);
    return (
      subscription && scene.stripe.subscriptions.cancel(subscription.id, { prorate: flag, invoice_now: flag })
    );
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
    const invoice = aim(await invoices(scene), ({ status }) => status === "open", pick);
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
    const intent = await stripe.paymentIntents.create({
      ...{ amount: 50 + amount, currency: "usd", customer, payment_method: method.id, confirm: true },
      capture_method: flag ? "manual" : "automatic",
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
    });
    if (intent.status !== "requires_capture") return intent;
    return amount % 2
      ? stripe.paymentIntents.capture(intent.id, { amount_to_capture: 50 })
      : stripe.paymentIntents.cancel(intent.id);
  },
  async wait({ box }: Scene, { amount }: Step) {
    return box.advance({ days: amount % 45 });
  },
};

const VERB_NAMES = Object.keys(VERBS) as (keyof typeof VERBS)[];

const step: fc.Arbitrary<Step> = fc.record({
  verb: fc.constantFrom(...VERB_NAMES, "wait" as const, "subscribe" as const),
  pick: fc.nat(1_000),
  amount: fc.nat(10_000),
  flag: fc.boolean(),
});

async function scene(): Promise<Scene> {
  const box = await testSandbox();
  const { stripe } = box;
  const product = (await stripe.products.create({ name: "Premium" })).id;
  const price = async (unit_amount: number, interval: "month" | "year") =>
    (await stripe.prices.create({ product, currency: "usd", unit_amount, recurring: { interval } })).id;
  const prices = [await price(3_900, "month"), await price(9_900, "month"), await price(34_800, "year")];
  const coupon = (await stripe.coupons.create({ percent_off: 33.33, duration: "forever" })).id;
  const customer = (await stripe.customers.create({ email: "ada@example.com" })).id;
  return { box, stripe, customer, prices, coupon };
}

/** How often each verb went through: one that never does proves nothing. */
const done = new Map<string, number>();

/** Does a step; what Stripe refuses changes nothing, but the sandbox may never fail. */
async function take(at: Scene, now: Step): Promise<void> {
  try {
    if (await VERBS[now.verb](at, now)) done.set(now.verb, (done.get(now.verb) ?? 0) + 1);
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError)) throw error;
    if (error.statusCode === undefined || error.statusCode >= 500) throw error;
  }
}

test("money is conserved, whatever is done", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25, size: "max" }), async (steps) => {
      const at = await scene();
      for (const now of steps) await take(at, now);
      const found = disagreements(await readLedger(at.stripe));
      await at.box.close();
      expect(found).toEqual([]);
    }),
    { numRuns: RUNS, seed: SEED },
  );
  expect([...done.keys()].sort()).toEqual([...VERB_NAMES].sort());
}, 600_000);

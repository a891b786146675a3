import { jest } from "@jest/globals";
import fc from "fast-check";
import type Stripe from "stripe";
import { draftOf } from "./support/billing.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { payer, useCard } from "./support/subscribing.ts";

jest.setTimeout(600_000);

// The same stories in every run of the suite; others by CONSERVATION_RUNS=500 CONSERVATION_SEED=$RANDOM.
const RUNS = Number(process.env.CONSERVATION_RUNS ?? 25);
const SEED = Number(process.env.CONSERVATION_SEED ?? 20_261_125);

let box: TestSandbox;
beforeAll(async () => {
  box = await testSandbox();
});
afterAll(() => box.close());

type Operation =
  | { kind: "draft" | "item" | "adjust"; amount: number; percent?: number }
  | { kind: "finalize" | "pay" | "confirm" | "outside" | "void" | "writeOff" | "delete"; at: number }
  | {
      kind: "credit";
      at: number;
      amount: number;
      how: "refund_amount" | "credit_amount" | "out_of_band_amount";
    }
  | { kind: "refund"; at: number; amount: number }
  | { kind: "card"; declines: boolean };

const amount = fc.integer({ min: -3000, max: 9000 });
const at = fc.nat({ max: 2 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("draft" as const),
      amount,
      percent: fc.integer({ min: 1, max: 100 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("item" as const, "adjust" as const), amount }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        ...(["finalize", "finalize", "pay", "confirm", "outside", "void", "writeOff", "delete"] as const),
      ),
      at,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("credit" as const),
      at,
      amount: fc.integer({ min: 1, max: 5000 }),
      how: fc.constantFrom("refund_amount" as const, "credit_amount" as const, "out_of_band_amount" as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("refund" as const),
      at,
      amount: fc.integer({ min: 1, max: 9000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("card" as const), declines: fc.boolean() }) },
);

const everything = async <T>(list: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const entry of list) all.push(entry);
  return all;
};

/** Does it; what Stripe would refuse is refused and must change nothing, which the sums below show. */
async function perform(customer: string, operation: Operation): Promise<void> {
  const { stripe } = box;
  const money = { customer, currency: "usd" };
  const pick = async () => {
    const all = (await stripe.invoices.list({ customer, limit: 100 })).data;
    return "at" in operation && all.length > 0 ? all[operation.at % all.length] : undefined;
  };
  const invoice = await pick();
  switch (operation.kind) {
    case "draft": {
      const { id } = await stripe.coupons.create({ percent_off: operation.percent! });
      await draftOf(box, customer, [operation.amount, 700], { discounts: [{ coupon: id }] });
      return;
    }
    case "item":
      await stripe.invoiceItems.create({ ...money, amount: operation.amount });
      await stripe.invoices.create({ customer, pending_invoice_items_behavior: "include" });
      return;
    case "adjust":
      await stripe.customers.createBalanceTransaction(customer, {
        amount: operation.amount,
        currency: "usd",
      });
      return;
    case "card":
      await useCard(box, customer, operation.declines ? "pm_card_chargeCustomerFail" : "pm_card_visa");
      return;
  }
  if (!invoice) return;
  const { id } = invoice;
  if (operation.kind === "finalize") await stripe.invoices.finalizeInvoice(id);
  if (operation.kind === "pay") await stripe.invoices.pay(id);
  if (operation.kind === "confirm") {
    const [payment] = (await stripe.invoicePayments.list({ invoice: id })).data;
    const intent = payment && String(payment.payment.payment_intent);
    if (intent) await stripe.paymentIntents.confirm(intent, { payment_method: "pm_card_visa" });
  }
  if (operation.kind === "outside") await stripe.invoices.pay(id, { paid_out_of_band: true });
  if (operation.kind === "void") await stripe.invoices.voidInvoice(id);
  if (operation.kind === "writeOff") await stripe.invoices.markUncollectible(id);
  if (operation.kind === "delete") await stripe.invoices.del(id);
  if (operation.kind === "credit") {
    const post = operation.amount - Math.min(operation.amount, invoice.amount_remaining);
    await stripe.creditNotes.create({ invoice: id, amount: operation.amount, [operation.how]: post });
  }
  if (operation.kind === "refund") {
    const [charge] = (await stripe.charges.list({ customer })).data;
    if (charge) await stripe.refunds.create({ charge: charge.id, amount: operation.amount });
  }
}

test("whatever is done with invoices, money is conserved and none is paid twice", async () => {
  const { stripe } = box;
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 8, maxLength: 24 }), async (operations) => {
      const { id: customer } = await payer(box);
      for (const step of operations) {
        await perform(customer, step).catch((error: Stripe.errors.StripeError) => {
          if (error.statusCode !== 400 && error.statusCode !== 402) throw error;
        });
      }
      const charges = (await everything(stripe.charges.list({ customer }))).filter(({ paid }) => paid);
      const invoices = await everything(stripe.invoices.list({ customer }));
      const movements = await everything(stripe.customers.listBalanceTransactions(customer));
      const notes = await everything(stripe.creditNotes.list({ customer }));
      const sum = <T>(all: T[], of: (entry: T) => number) =>
        all.reduce((total, entry) => total + of(entry), 0);

      // Every charge pays the whole of one invoice, and each invoice has at most one.
      const online = (invoice: Stripe.Invoice) => invoice.amount_paid - (invoice.amount_paid_off_stripe ?? 0);
      expect(sum(charges, (charge) => charge.amount)).toBe(sum(invoices, online));
      expect(charges.length).toBe(invoices.filter((invoice) => online(invoice) > 0).length);

      // The balance is what its movements come to, each following the one before.
      const { balance } = (await stripe.customers.retrieve(customer)) as Stripe.Customer;
      expect(sum(movements, (movement) => movement.amount)).toBe(balance);
      for (const [index, movement] of movements.entries())
        expect(movement.ending_balance).toBe(movement.amount + (movements[index + 1]?.ending_balance ?? 0));

      for (const invoice of invoices.filter(({ status }) => status !== "draft")) {
        const { total, starting_balance, ending_balance, amount_due, amount_paid, amount_remaining } =
          invoice;
        const credited = invoice.pre_payment_credit_notes_amount;
        // What is due and what the balance gives is the total; what is due is paid or remains.
        expect(total + starting_balance).toBe(amount_due + credited + ending_balance!);
        expect(amount_paid + amount_remaining).toBe(amount_due);
        const own = notes.filter((note) => note.invoice === invoice.id && note.status === "issued");
        expect(sum(own, (note) => note.pre_payment_amount)).toBe(credited);
        expect(sum(own, (note) => note.post_payment_amount)).toBe(invoice.post_payment_credit_notes_amount);
        expect(sum(own, (note) => note.amount)).toBeLessThanOrEqual(Math.max(0, total));
        const moved = movements.filter(
          (movement) => movement.invoice === invoice.id && movement.type !== "credit_note",
        );
        const isVoid = invoice.status === "void";
        expect(sum(moved, (movement) => movement.amount)).toBe(
          isVoid ? 0 : ending_balance! - starting_balance,
        );
      }

      // Nothing is given back that was not taken.
      for (const charge of charges) expect(charge.amount_refunded).toBeLessThanOrEqual(charge.amount);
    }),
    { numRuns: RUNS, seed: SEED },
  );
});

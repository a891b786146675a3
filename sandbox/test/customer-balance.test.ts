import type Stripe from "stripe";
import { draftOf } from "./support/billing.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { payer } from "./support/subscribing.ts";

let box: TestSandbox;
let customer: Stripe.Customer;

beforeEach(async () => {
  box = await testSandbox();
  customer = await payer(box);
});
afterEach(() => box.close());

const adjust = (amount: number, currency = "usd") =>
  box.stripe.customers.createBalanceTransaction(customer.id, { amount, currency });
const seen = async (id = customer.id) =>
  (await box.stripe.customers.retrieve(id, { expand: ["invoice_credit_balance"] })) as Stripe.Customer;
const movements = async (id = customer.id) =>
  (await box.stripe.customers.listBalanceTransactions(id)).data.map(({ type, amount, ending_balance }) => [
    type,
    amount,
    ending_balance,
  ]);

test("a customer may begin with a balance, and be given another, each a movement", async () => {
  const { id } = await box.stripe.customers.create({ balance: -500 });
  await box.stripe.customers.update(id, { balance: 200 });
  await box.stripe.customers.update(id, { balance: 200, name: "Ada" });
  expect(await seen(id)).toMatchObject({ balance: 200, currency: "usd" });
  expect(await movements(id)).toEqual([
    ["adjustment", 700, 200],
    ["initial", -500, -500],
  ]);
});

test("adjustments move the balance, and tell", async () => {
  await adjust(-1000);
  const movement = await adjust(300);
  expect(movement).toMatchObject({ type: "adjustment", amount: 300, ending_balance: -700 });
  expect(await seen()).toMatchObject({ balance: -700, invoice_credit_balance: { usd: -700 } });
  const event = (await box.events()).at(-1)!;
  expect(event).toMatchObject({
    type: "customer.updated",
    data: { previous_attributes: { balance: -1000 } },
  });
  const changed = await box.stripe.customers.updateBalanceTransaction(customer.id, movement.id, {
    description: "Goodwill",
    metadata: { a: "1" },
  });
  expect(changed).toMatchObject({ amount: 300, description: "Goodwill", metadata: { a: "1" } });
});

test("credit pays the next invoice first, and debt is paid with it", async () => {
  await adjust(-400);
  const first = await box.stripe.invoices.pay((await draftOf(box, customer.id, [1000])).id);
  expect(first).toMatchObject({
    starting_balance: -400,
    ending_balance: 0,
    amount_due: 600,
    amount_paid: 600,
  });
  await adjust(250);
  const second = await box.stripe.invoices.pay((await draftOf(box, customer.id, [1000])).id);
  expect(second).toMatchObject({ starting_balance: 250, ending_balance: 0, amount_paid: 1250 });
  expect((await seen()).balance).toBe(0);
});

test("an invoice below zero becomes credit", async () => {
  const { id } = await box.stripe.invoices.finalizeInvoice((await draftOf(box, customer.id, [-800])).id);
  expect(await box.stripe.invoices.retrieve(id)).toMatchObject({
    status: "paid",
    total: -800,
    amount_due: 0,
    ending_balance: -800,
  });
  expect(await movements()).toEqual([["applied_to_invoice", -800, -800]]);
});

test("a balance in another currency is its own, and is not mixed up", async () => {
  await adjust(-1000, "usd");
  await adjust(-300, "eur");
  expect(await seen()).toMatchObject({
    currency: "usd",
    balance: -1000,
    invoice_credit_balance: { usd: -1000, eur: -300 },
  });
  const invoice = await box.stripe.invoices.finalizeInvoice(
    (await draftOf(box, customer.id, [1000], { currency: "eur" })).id,
  );
  expect(invoice).toMatchObject({ amount_due: 700, starting_balance: -300, ending_balance: 0 });
  expect((await seen()).invoice_credit_balance).toEqual({ usd: -1000, eur: 0 });
});

test("movements are those of the customer asked for", async () => {
  const movement = await adjust(-1);
  const other = await payer(box);
  await expect(box.stripe.customers.retrieveBalanceTransaction(other.id, movement.id)).rejects.toMatchObject({
    statusCode: 404,
  });
  await expect(
    box.stripe.customers.createBalanceTransaction("cus_none", { amount: 1, currency: "usd" }),
  ).rejects.toMatchObject({ statusCode: 404 });
});

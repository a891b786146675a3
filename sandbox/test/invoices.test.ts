import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { draftOf, intentOf, typesSince } from "./support/billing.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { payer } from "./support/subscribing.ts";

let box: TestSandbox;
let customer: Stripe.Customer;

beforeEach(async () => {
  box = await testSandbox();
  customer = await payer(box);
});
afterEach(() => box.close());

const draft = (amounts: number[], params: Partial<Stripe.InvoiceCreateParams> = {}) =>
  draftOf(box, customer.id, amounts, params);

describe("paying", () => {
  const open = async (amount = 1500) => box.stripe.invoices.finalizeInvoice((await draft([amount])).id);

  test("a draft finalizes it first", async () => {
    const paid = await box.stripe.invoices.pay((await draft([1500])).id);
    expect(paid).toMatchObject({
      status: "paid",
      amount_paid: 1500,
      amount_remaining: 0,
      attempt_count: 1,
      auto_advance: false,
    });
  });

  test("charges the card named instead of the default one", async () => {
    const other = await box.stripe.paymentMethods.attach("pm_card_mastercard", { customer: customer.id });
    const { id } = await open();
    await box.stripe.invoices.pay(id, { payment_method: other.id });
    expect((await intentOf(box, id))!.payment_method).toBe(other.id);
  });

  test("an invoice twice is refused, and charges once", async () => {
    const { id } = await open();
    await box.stripe.invoices.pay(id);
    await expect(box.stripe.invoices.pay(id)).rejects.toMatchObject({ message: "Invoice is already paid" });
    expect((await box.stripe.charges.list({ customer: customer.id })).data).toHaveLength(1);
  });

  test("is refused for another's card, without one, and once it is void", async () => {
    const { id } = await open();
    const stranger = await box.stripe.paymentMethods.create({ type: "card", card: { token: "tok_visa" } });
    await expect(box.stripe.invoices.pay(id, { payment_method: stranger.id })).rejects.toMatchObject({
      param: "payment_method",
    });
    await box.stripe.invoices.voidInvoice(id);
    await expect(box.stripe.invoices.pay(id)).rejects.toMatchObject({ statusCode: 400 });
    const poor = await box.stripe.customers.create();
    const unpayable = await draftOf(box, poor.id, [1000]);
    await expect(box.stripe.invoices.pay(unpayable.id)).rejects.toMatchObject({ statusCode: 400 });
    expect((await box.stripe.invoices.retrieve(unpayable.id)).status).toBe("draft");
  });

  test("with a card that declines leaves it open, with the error, and another card pays", async () => {
    const bad = await box.stripe.paymentMethods.attach("pm_card_chargeCustomerFail", {
      customer: customer.id,
    });
    const { id } = await open();
    const before = (await box.eventTypes()).length;
    await expect(box.stripe.invoices.pay(id, { payment_method: bad.id })).rejects.toMatchObject({
      statusCode: 402,
      code: "card_declined",
      payment_intent: { status: "requires_payment_method" },
    });
    expect(await typesSince(box, before)).toEqual([
      "charge.failed",
      "payment_intent.payment_failed",
      "invoice.payment_failed",
    ]);
    expect(await box.stripe.invoices.retrieve(id)).toMatchObject({
      status: "open",
      attempt_count: 1,
      attempted: true,
      amount_remaining: 1500,
    });
    expect(await box.stripe.invoices.pay(id)).toMatchObject({ status: "paid", attempt_count: 1 });
    expect((await box.stripe.invoicePayments.list({ invoice: id })).data).toMatchObject([
      { status: "paid", amount_paid: 1500 },
    ]);
  });

  test("with a card that asks its holder waits for the answer, and follows it", async () => {
    const card = await box.stripe.paymentMethods.attach("pm_card_authenticationRequired", {
      customer: customer.id,
    });
    const { id } = await open();
    await expect(box.stripe.invoices.pay(id, { payment_method: card.id })).rejects.toMatchObject({
      statusCode: 402,
      code: "invoice_payment_intent_requires_action",
    });
    expect(await box.eventTypes()).toContain("invoice.payment_action_required");
    const intent = await intentOf(box, id);
    expect(intent!.status).toBe("requires_action");
    await box.control(`/payment_intents/${intent!.id}/authenticate`, { outcome: "succeed" });
    expect((await box.stripe.invoices.retrieve(id)).status).toBe("paid");
  });

  test("by confirming its payment intent settles it as well", async () => {
    const { id } = await open();
    const intent = await intentOf(box, id);
    await box.stripe.paymentIntents.confirm(intent!.id, { payment_method: "pm_card_visa" });
    expect(await box.stripe.invoices.retrieve(id)).toMatchObject({ status: "paid", amount_paid: 1500 });
  });

  test("outside of Stripe charges nothing and gives the payment intent up", async () => {
    const { id } = await open();
    const before = (await box.eventTypes()).length;
    expect(await box.stripe.invoices.pay(id, { paid_out_of_band: true })).toMatchObject({
      status: "paid",
      amount_paid: 1500,
      amount_paid_off_stripe: 1500,
    });
    expect((await intentOf(box, id))!.status).toBe("canceled");
    expect((await box.stripe.charges.list()).data).toEqual([]);
    expect(await typesSince(box, before)).toEqual(["invoice.paid", "payment_intent.canceled"]);
  });

  test("by bank debit keeps it open until the bank has decided, and nobody can pay it meanwhile", async () => {
    const account = await box.stripe.paymentMethods.attach("pm_usBankAccount_success", {
      customer: customer.id,
    });
    const { id } = await open();
    expect(await box.stripe.invoices.pay(id, { payment_method: account.id })).toMatchObject({
      status: "open",
    });
    expect((await intentOf(box, id))!.status).toBe("processing");
    expect(await box.stripe.invoices.pay(id)).toMatchObject({ status: "open" });
    await box.advance({ days: 5 });
    expect((await box.stripe.invoices.retrieve(id)).status).toBe("paid");
    expect((await box.stripe.charges.list({ customer: customer.id })).data).toHaveLength(1);
  });
});

describe("collecting by itself", () => {
  const attempted = async (method: string) => {
    const { id } = await box.stripe.paymentMethods.attach(method, { customer: customer.id });
    const invoice = await draft([1500], { auto_advance: true, default_payment_method: id });
    await box.advance({ hours: 2 });
    return box.stripe.invoices.retrieve(invoice.id);
  };

  test("counts a bank's refusal as the attempt that it answers", async () => {
    const { id } = await attempted("pm_usBankAccount_insufficientFunds");
    await box.advance({ days: 5 });
    expect(await box.stripe.invoices.retrieve(id)).toMatchObject({
      status: "open",
      attempt_count: 1,
      next_payment_attempt: null,
    });
    expect((await box.eventTypes()).filter((type) => type === "invoice.payment_failed")).toHaveLength(1);
  });

  test("fails where the method does not pay in the currency, or there is none", async () => {
    expect(await attempted("pm_success_de")).toMatchObject({ status: "open", attempt_count: 1 });
    const poor = await box.stripe.customers.create();
    const { id } = await draftOf(box, poor.id, [1500], { auto_advance: true });
    await box.advance({ hours: 2 });
    expect(await box.stripe.invoices.retrieve(id)).toMatchObject({ status: "open", attempt_count: 1 });
  });
});

describe("ending otherwise", () => {
  const open = async () => box.stripe.invoices.finalizeInvoice((await draft([1500])).id);

  test("voiding takes an open invoice back, cancels its payment and gives the credit it used back", async () => {
    await box.stripe.customers.update(customer.id, { balance: -500 });
    const { id } = await open();
    expect((await box.stripe.customers.retrieve(customer.id)) as Stripe.Customer).toMatchObject({
      balance: 0,
    });
    expect(await box.stripe.invoices.voidInvoice(id)).toMatchObject({ status: "void", amount_due: 1000 });
    expect((await intentOf(box, id))!.status).toBe("canceled");
    expect((await box.stripe.customers.retrieve(customer.id)) as Stripe.Customer).toMatchObject({
      balance: -500,
    });
    const movements = (await box.stripe.customers.listBalanceTransactions(customer.id)).data;
    expect(movements.map(({ type, amount }) => [type, amount])).toEqual([
      ["unapplied_from_invoice", -500],
      ["applied_to_invoice", 500],
      ["adjustment", -500],
    ]);
    await expect(box.stripe.invoices.voidInvoice(id)).rejects.toMatchObject({ statusCode: 400 });
  });

  test("a paid invoice and a draft are not voided, nor written off", async () => {
    const paid = await box.stripe.invoices.pay((await draft([1500])).id);
    const { id } = await draft([1500]);
    for (const invoice of [paid.id, id]) {
      await expect(box.stripe.invoices.voidInvoice(invoice)).rejects.toMatchObject({ statusCode: 400 });
      await expect(box.stripe.invoices.markUncollectible(invoice)).rejects.toMatchObject({ statusCode: 400 });
    }
    expect((await box.stripe.invoices.retrieve(paid.id)).status).toBe("paid");
    expect((await box.stripe.invoices.retrieve(id)).status).toBe("draft");
  });

  test("an invoice that was written off may still be paid", async () => {
    const { id } = await open();
    expect(await box.stripe.invoices.markUncollectible(id)).toMatchObject({
      status: "uncollectible",
      status_details: { uncollectible: { reason: "user_forgiven" } },
    });
    expect((await box.stripe.invoices.pay(id)).status).toBe("paid");
  });

  test("a finalized invoice is not finalized again", async () => {
    const { id, number } = await open();
    await expect(box.stripe.invoices.finalizeInvoice(id)).rejects.toMatchObject({
      message: "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
    });
    expect((await box.stripe.invoices.retrieve(id)).number).toBe(number);
  });
});

describe("invoices that are sent", () => {
  const params = { collection_method: "send_invoice" as const, days_until_due: 7 };

  test("are due later, and are not charged by themselves", async () => {
    const invoice = await draft([1500], { ...params, auto_advance: true });
    expect(invoice.due_date).toBe(invoice.created + 7 * DAY_SECONDS);
    await box.advance({ hours: 2 });
    expect(await box.stripe.invoices.retrieve(invoice.id)).toMatchObject({
      status: "open",
      attempted: false,
      next_payment_attempt: null,
    });
    expect((await box.eventTypes()).at(-1)).toBe("invoice.sent");
    await box.advance({ days: 30 });
    expect((await box.stripe.invoices.retrieve(invoice.id)).status).toBe("open");
  });

  test("can be sent by hand; those that are charged cannot", async () => {
    const { id } = await draft([1500], params);
    expect((await box.stripe.invoices.sendInvoice(id)).status).toBe("open");
    expect((await box.eventTypes()).at(-1)).toBe("invoice.sent");
    await expect(box.stripe.invoices.sendInvoice((await draft([1])).id)).rejects.toMatchObject({
      statusCode: 400,
    });
  });

  test("are found by their due date", async () => {
    const { id, due_date } = await draft([1500], params);
    await draft([1500]);
    const found = await box.stripe.invoices.list({ due_date: { gte: due_date! } });
    expect(found.data.map((invoice) => invoice.id)).toEqual([id]);
    expect((await box.stripe.invoices.list({ due_date: { gt: due_date! } })).data).toEqual([]);
  });
});

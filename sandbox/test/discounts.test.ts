import type Stripe from "stripe";
import { draftOf, typesSince } from "./support/billing.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { payer, priceOf } from "./support/subscribing.ts";

let box: TestSandbox;
let customer: Stripe.Customer;

beforeEach(async () => {
  box = await testSandbox();
  customer = await payer(box);
});
afterEach(() => box.close());

const coupon = (params: Stripe.CouponCreateParams) => box.stripe.coupons.create(params);
const codeOf = (of: Stripe.Coupon, params: Partial<Stripe.PromotionCodeCreateParams> = {}) =>
  box.stripe.promotionCodes.create({ promotion: { type: "coupon", coupon: of.id }, ...params });
const draftWith = (amounts: number[], discount: object) =>
  draftOf(box, customer.id, amounts, { discounts: [discount] });

describe("coupons", () => {
  test("take a percentage or an amount off an invoice", async () => {
    const half = await coupon({ percent_off: 50, duration: "forever" });
    const five = await coupon({ amount_off: 500, currency: "usd", duration: "once", name: "Five off" });
    const invoice = await draftOf(box, customer.id, [1001], {
      discounts: [{ coupon: half.id }, { coupon: five.id }],
    });
    expect(invoice).toMatchObject({ subtotal: 1001, total: 0, amount_due: 0 });
    expect(invoice.total_discount_amounts!.map(({ amount }) => amount)).toEqual([501, 500]);
    const [line] = invoice.lines.data;
    expect(line!.discount_amounts).toEqual(invoice.total_discount_amounts);
    const expanded = await box.stripe.invoices.retrieve(invoice.id, {
      expand: ["discounts.source.coupon"],
    });
    expect(expanded.discounts).toMatchObject([
      { object: "discount", source: { coupon: { id: half.id } }, invoice: invoice.id },
      { source: { coupon: { name: "Five off" } } },
    ]);
  });

  test("for an item come before those of the invoice, and are in its subtotal", async () => {
    const ten = await coupon({ percent_off: 10, duration: "once" });
    const draft = await draftWith([], { coupon: ten.id });
    await box.stripe.invoiceItems.create({
      customer: customer.id,
      invoice: draft.id,
      amount: 1000,
      currency: "usd",
      discounts: [{ coupon: ten.id }],
    });
    expect(await box.stripe.invoices.retrieve(draft.id)).toMatchObject({ subtotal: 900, total: 810 });
  });

  test("know other currencies, and are refused in those they do not know", async () => {
    const five = await coupon({
      amount_off: 500,
      currency: "usd",
      currency_options: { eur: { amount_off: 400 } },
    });
    const inEuro = (currency: string) =>
      draftOf(box, customer.id, [1000], { currency, discounts: [{ coupon: five.id }] });
    expect((await inEuro("eur")).total).toBe(600);
    await expect(inEuro("gbp")).rejects.toMatchObject({ param: "discounts[0][coupon]" });
  });

  test("for some products leave the others alone", async () => {
    const price = await priceOf(box, 1000, { recurring: undefined as never });
    const only = await coupon({ percent_off: 100, applies_to: { products: [String(price.product)] } });
    const shown = await box.stripe.coupons.retrieve(only.id);
    expect(shown.applies_to).toBeUndefined();
    const draft = await draftWith([700], { coupon: only.id });
    const total = await box.stripe.invoices.addLines(draft.id, { lines: [{ pricing: { price: price.id } }] });
    expect(total).toMatchObject({ subtotal: 1700, total: 700 });
  });

  test("can be redeemed so many times, or until a moment", async () => {
    const twice = await coupon({ percent_off: 10, max_redemptions: 2 });
    const code = await codeOf(twice, { code: "TWICE" });
    await draftWith([100], { coupon: twice.id });
    await draftWith([100], { coupon: twice.id });
    expect(await box.stripe.coupons.retrieve(twice.id)).toMatchObject({ times_redeemed: 2, valid: false });
    expect((await box.stripe.promotionCodes.retrieve(code.id)).active).toBe(false);
    await expect(draftWith([100], { coupon: twice.id })).rejects.toMatchObject({ code: "coupon_expired" });

    const redeem_by = Math.floor(Date.now() / 1000) + 3600;
    const soon = await coupon({ percent_off: 10, redeem_by });
    await box.advance({ hours: 2 });
    expect((await box.stripe.coupons.retrieve(soon.id)).valid).toBe(false);
    await expect(draftWith([100], { coupon: soon.id })).rejects.toMatchObject({ code: "coupon_expired" });
  });

  test("that were deleted are redeemed no more, and the discounts they became go on", async () => {
    const half = await coupon({ id: "HALF", percent_off: 50 });
    const draft = await draftWith([1000], { coupon: "HALF" });
    await box.stripe.coupons.del("HALF");
    await expect(box.stripe.coupons.retrieve("HALF")).rejects.toMatchObject({ statusCode: 404 });
    await expect(draftWith([1000], { coupon: "HALF" })).rejects.toMatchObject({ code: "resource_missing" });
    expect((await box.stripe.coupons.list()).data).toEqual([]);
    const more = await box.stripe.invoices.addLines(draft.id, { lines: [{ amount: 1000 }] });
    expect(more.total).toBe(1000);
    expect(half.valid).toBe(true);
  });

  test.each<[string, Stripe.CouponCreateParams, string]>([
    ["neither percent nor amount", {}, "percent_off"],
    ["both", { percent_off: 1, amount_off: 1, currency: "usd" }, "amount_off"],
    ["an amount without its currency", { amount_off: 1 }, "currency"],
    ["more than all", { percent_off: 101 }, "percent_off"],
    ["nothing off", { percent_off: 0 }, "percent_off"],
    [
      "months of a coupon for ever",
      { percent_off: 1, duration: "forever", duration_in_months: 2 },
      "duration_in_months",
    ],
    ["repeating without months", { percent_off: 1, duration: "repeating" }, "duration_in_months"],
    ["a time that is past", { percent_off: 1, redeem_by: 1000 }, "redeem_by"],
  ])("are refused for %s", async (_what, params, param) => {
    await expect(coupon(params)).rejects.toMatchObject({ statusCode: 400, param });
    expect((await box.stripe.coupons.list()).data).toEqual([]);
  });

  test("have names of their own, once", async () => {
    await coupon({ id: "ONE", percent_off: 1 });
    await expect(coupon({ id: "ONE", percent_off: 2 })).rejects.toMatchObject({
      code: "resource_already_exists",
    });
    expect((await box.stripe.coupons.retrieve("ONE")).percent_off).toBe(1);
  });
});

describe("promotion codes", () => {
  let ten: Stripe.Coupon;
  beforeEach(async () => {
    ten = await coupon({ percent_off: 10 });
  });

  test("are unique among the active ones, whatever their case", async () => {
    const first = await codeOf(ten, { code: "Spring" });
    await expect(codeOf(ten, { code: "SPRING" })).rejects.toMatchObject({ param: "code" });
    await box.stripe.promotionCodes.update(first.id, { active: false });
    const second = await codeOf(ten, { code: "spring" });
    expect((await box.stripe.promotionCodes.list({ code: "sPRING" })).data.map(({ id }) => id)).toEqual([
      second.id,
      first.id,
    ]);
    expect((await box.stripe.promotionCodes.list({ code: "spring", active: true })).data).toHaveLength(1);
    await expect(box.stripe.promotionCodes.update(first.id, { active: true })).rejects.toMatchObject({
      param: "code",
    });
    expect((await codeOf(ten)).code).toMatch(/^[A-Z0-9]{8}$/);
  });

  test("redeem their coupon, and tell", async () => {
    const code = await codeOf(ten, { code: "TELL" });
    const before = (await box.eventTypes()).length;
    const draft = await draftWith([1000], { promotion_code: code.id });
    expect(await typesSince(box, before)).toEqual([
      "coupon.updated",
      "promotion_code.updated",
      "invoice.created",
      "invoiceitem.created",
      "invoice.updated",
    ]);
    const invoice = await box.stripe.invoices.retrieve(draft.id, { expand: ["discounts"] });
    expect(invoice).toMatchObject({ total: 900, discounts: [{ promotion_code: code.id }] });
    expect(await box.stripe.promotionCodes.retrieve(code.id)).toMatchObject({ times_redeemed: 1 });
  });

  test.each<[string, Partial<Stripe.PromotionCodeCreateParams>]>([
    ["once it is not active", { active: false }],
    ["by another customer", { customer: "another" }],
    ["for less than its minimum", { restrictions: { minimum_amount: 5000, minimum_amount_currency: "usd" } }],
    ["by who has paid before", { restrictions: { first_time_transaction: true } }],
  ])("are not redeemed %s", async (_what, params) => {
    const another = params.customer ? { customer: (await payer(box)).id } : {};
    const code = await codeOf(ten, { ...params, ...another });
    if (params.restrictions?.first_time_transaction)
      await box.stripe.invoices.pay((await draftOf(box, customer.id, [1000])).id);
    const item = { customer: customer.id, amount: 1000, currency: "usd" };
    await expect(
      box.stripe.invoiceItems.create({ ...item, discounts: [{ promotion_code: code.id }] }),
    ).rejects.toMatchObject({ statusCode: 400, param: "discounts[0][promotion_code]" });
    expect((await box.stripe.promotionCodes.retrieve(code.id)).times_redeemed).toBe(0);
  });

  test("with a first-time restriction are for who has never paid", async () => {
    const code = await codeOf(ten, { restrictions: { first_time_transaction: true } });
    expect((await draftWith([1000], { promotion_code: code.id })).total).toBe(900);
  });

  test("end after so many redemptions, or when their time is over", async () => {
    const expires_at = Math.floor(Date.now() / 1000) + 3600;
    const soon = await codeOf(ten, { expires_at });
    const single = await codeOf(ten, { max_redemptions: 1 });
    await draftWith([1000], { promotion_code: single.id });
    expect((await box.stripe.promotionCodes.retrieve(single.id)).active).toBe(false);
    await box.advance({ hours: 2 });
    expect((await box.stripe.promotionCodes.retrieve(soon.id)).active).toBe(false);
    for (const { id } of [soon, single])
      await expect(box.stripe.promotionCodes.update(id, { active: true })).rejects.toMatchObject({
        param: "active",
      });
  });

  test("need a coupon that is valid, and restrictions that are whole", async () => {
    await expect(
      box.stripe.promotionCodes.create({ promotion: { type: "coupon", coupon: "none" } }),
    ).rejects.toMatchObject({ param: "promotion[coupon]" });
    await expect(codeOf(ten, { restrictions: { minimum_amount: 5 } })).rejects.toMatchObject({
      param: "restrictions[minimum_amount_currency]",
    });
    await expect(codeOf(ten, { code: "no spaces" })).rejects.toMatchObject({ param: "code" });
    expect((await box.stripe.promotionCodes.list()).data).toEqual([]);
  });
});

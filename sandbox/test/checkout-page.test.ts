import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { card, open, submit, textOf } from "./support/forms.ts";
import { order, type TestSandbox, testSandbox } from "./support/sandbox.ts";

jest.setTimeout(15_000);

let box: TestSandbox;
beforeEach(async () => {
  box = await testSandbox();
});
afterEach(() => box.close());

const mug = (more: object = {}) => ({
  quantity: 2,
  price_data: { currency: "usd", unit_amount: 1500, product_data: { name: "Mug" } },
  ...more,
});
const payment = (params: Partial<Stripe.Checkout.SessionCreateParams> = {}) =>
  box.stripe.checkout.sessions.create({
    mode: "payment",
    line_items: [mug()],
    success_url: "http://shop.test/done",
    ...params,
  });
const summer = async () => {
  const { id } = await box.stripe.coupons.create({ percent_off: 20, duration: "once" });
  await box.stripe.promotionCodes.create({ promotion: { type: "coupon", coupon: id }, code: "SUMMER" });
};
const retrieve = (id: string) => box.stripe.checkout.sessions.retrieve(id);

test("a one-time payment asks for an email and a card, and leads back to the shop", async () => {
  const session = await payment();
  const page = await open(session.url!);
  expect(textOf(page, "product-name")).toBe("Mug");
  expect(textOf(page, "due-today")).toBe("$30.00");
  const paid = await submit(page, "pay", card("4242424242424242", { email: "ada@example.com" }));
  expect(paid.url).toBe("http://shop.test/done");
  expect(await retrieve(session.id)).toMatchObject({
    payment_status: "paid",
    customer_details: { email: "ada@example.com", name: "Ada" },
  });
});

test("a code is applied, shown and taken off again", async () => {
  await summer();
  const { session } = await order(box.stripe, { allow_promotion_codes: true });
  const applied = await submit(await open(session.url!), "promotion-code", { code: " summer " });
  expect(textOf(applied, "discount")).toContain("SUMMER");
  expect(textOf(applied, "discount")).toContain("−$7.80");
  expect(textOf(applied, "due-today")).toBe("$31.20");
  const removed = await submit(applied, "remove-code");
  expect(textOf(removed, "due-today")).toBe("$39.00");
  expect(removed.text).not.toContain("SUMMER");
});

test("a wrong code is told beside its field, and what was typed stays", async () => {
  const { session } = await order(box.stripe, { allow_promotion_codes: true });
  const refused = await submit(await open(session.url!), "promotion-code", { code: "WINTER" });
  expect(refused.status).toBe(400);
  expect(textOf(refused, "error")).toBe("This code is invalid.");
  expect(refused.text).toMatch(/id="promotion-code"[^>]*value="WINTER"[^>]*aria-invalid="true"/);
  expect(refused.text).toContain('<details class="code" open>');
});

test("a code that is not for this order is told beside its field, too", async () => {
  const { id } = await box.stripe.coupons.create({ percent_off: 20, duration: "once" });
  await box.stripe.promotionCodes.create({
    promotion: { type: "coupon", coupon: id },
    code: "BIG",
    restrictions: { minimum_amount: 5000, minimum_amount_currency: "usd" },
  });
  const { session } = await order(box.stripe, { allow_promotion_codes: true });
  const refused = await submit(await open(session.url!), "promotion-code", { code: "BIG" });
  expect(textOf(refused, "error")).toContain("less than the minimum amount");
  expect(refused.text).toMatch(/id="promotion-code"[^>]*aria-invalid="true"/);
});

test("without codes there is no field for them", async () => {
  const { session } = await order(box.stripe);
  expect((await open(session.url!)).text).not.toContain("promotion-code");
});

test("a quantity may be changed within its limits", async () => {
  const session = await payment({
    line_items: [mug({ adjustable_quantity: { enabled: true, minimum: 1, maximum: 4 } })],
  });
  const [item] = (await box.stripe.checkout.sessions.listLineItems(session.id)).data;
  const more = await submit(await open(session.url!), `quantity-${item!.id}`, { quantity: "4" });
  expect(textOf(more, "due-today")).toBe("$60.00");
  const tooMany = await submit(more, `quantity-${item!.id}`, { quantity: "5" });
  expect(tooMany.status).toBe(400);
  expect(textOf(tooMany, "error")).toContain("between 1 and 4");
  expect((await retrieve(session.id)).amount_total).toBe(6000);
});

test.each([
  ["a declined card", { number: "4000000000000002" }, "card-number", "Your card was declined."],
  ["a wrong number", { number: "4242424242424241" }, "card-number", "Your card number is invalid."],
  ["a date in the past", { exp: "01/20" }, "card-expiry", "Your card's expiration date is in the past."],
  ["a wrong security code", { number: "4000000000000127" }, "card-cvc", "security code is incorrect"],
])("%s is told beside the field that it is about", async (_what, typed, field, message) => {
  const { session } = await order(box.stripe);
  const refused = await submit(await open(session.url!), "pay", { ...card("4242424242424242"), ...typed });
  expect(refused.status).toBeGreaterThanOrEqual(400);
  expect(textOf(refused, "error")?.replaceAll("&#39;", "'")).toContain(message);
  expect(refused.text).toMatch(new RegExp(`id="${field}"[^>]*aria-invalid="true" aria-describedby="error"`));
  expect((await retrieve(session.id)).status).toBe("open");
});

test("a customer may pay with the card that is known", async () => {
  const customer = await box.stripe.customers.create({ email: "a@b.test", payment_method: "pm_card_visa" });
  const session = await payment({ customer: customer.id });
  const page = await open(session.url!);
  expect(page.text).toContain("Visa •••• 4242");
  expect((await submit(page, "pay-saved")).url).toBe("http://shop.test/done");
});

test("nobody can pay with a card that is another customer's", async () => {
  const stranger = await box.stripe.customers.create({ payment_method: "pm_card_visa" });
  const [theirs] = (await box.stripe.customers.listPaymentMethods(stranger.id)).data;
  const session = await payment({ customer_email: "thief@example.com" });
  const page = await open(session.url!);
  expect((await submit(page, "pay", { payment_method: theirs!.id })).status).toBeGreaterThanOrEqual(400);
  expect((await retrieve(session.id)).status).toBe("open");
});

test("a bank account pays later: the page says so when it is visited again", async () => {
  const session = await payment();
  const fields = { account: "000123456789", email: "ada@example.com" };
  expect((await submit(await open(session.url!), "pay-bank", fields)).url).toBe("http://shop.test/done");
  expect((await open(session.url!)).text).toContain("under way");
});

test("a setup saves a card, after 3-D Secure if the card asks", async () => {
  const session = await box.stripe.checkout.sessions.create({
    mode: "setup",
    currency: "usd",
    success_url: "http://shop.test/done",
  });
  const typed = card("4000002500003155", { email: "ada@example.com" });
  const asked = await submit(await open(session.url!), "pay", typed);
  expect(asked.text).toContain("May this card be kept");
  const failed = await submit(asked, "authenticate-fail");
  expect(failed.url).toBe(`${session.url}?failed`);
  expect(textOf(failed, "error")).toContain("authentication failed");
  const again = await submit(failed, "pay", typed);
  expect((await submit(again, "authenticate-complete")).url).toBe("http://shop.test/done");
  expect(await retrieve(session.id)).toMatchObject({ status: "complete" });
});

test("a trial with something to pay at once says what is due today, and what later", async () => {
  const { session } = await order(box.stripe, { subscription_data: { trial_period_days: 7 } });
  const page = await open(session.url!);
  expect(textOf(page, "amount")).toMatch(/^7 days free Then \$39\.00 per month from /);
  expect(textOf(page, "due-today")).toBe("$0.00");
});

test("what costs nothing asks for no card where none is required", async () => {
  const { session } = await order(box.stripe, {
    payment_method_collection: "if_required",
    subscription_data: { trial_period_days: 7 },
  });
  const page = await open(session.url!);
  expect(page.text).not.toContain("card-number");
  expect((await submit(page, "pay")).url).toContain("http://shop.test/done");
});

test("an expired session is begun anew where it was made to allow that", async () => {
  const session = await payment({
    after_expiration: { recovery: { enabled: true, allow_promotion_codes: true } },
  });
  const expired = await box.stripe.checkout.sessions.expire(session.id);
  const { url } = expired.after_expiration!.recovery!;
  const page = await open(url!);
  expect(textOf(page, "due-today")).toBe("$30.00");
  expect(page.text).toContain("promotion-code");
  const [another] = (await box.stripe.checkout.sessions.list({ status: "open" })).data;
  expect(another).toMatchObject({ recovered_from: session.id, allow_promotion_codes: true });
  await box.advance({ days: 31 });
  expect((await open(url!)).status).toBe(410);
  const without = await payment();
  await box.stripe.checkout.sessions.expire(without.id);
  expect((await open(`${box.url}/c/recover/${without.id}`)).status).toBe(410);
});

test("every field has a label, and every page a title and a language", async () => {
  await summer();
  const { session } = await order(box.stripe, { allow_promotion_codes: true });
  const { text } = await open(session.url!);
  for (const [, id] of text.matchAll(
    /<(?:input|textarea|select)\b(?![^>]*type="hidden")[^>]*\bid="([^"]+)"/g,
  ))
    expect(text).toContain(`<label for="${id}">`);
  const ids = [...text.matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(text).toContain('<html lang="en">');
  expect(text).toMatch(/<title>[^<]+<\/title>/);
});

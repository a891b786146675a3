import type Stripe from "stripe";
import { order, type TestSandbox, testSandbox } from "./support/sandbox.ts";

let box: TestSandbox;
beforeEach(async () => {
  box = await testSandbox();
});
afterEach(() => box.close());

const get = async (url: string) => {
  const response = await fetch(url, { redirect: "manual" });
  return { status: response.status, headers: response.headers, text: await response.text() };
};
const send = async (url: string, fields: Record<string, string>, headers: Record<string, string> = {}) => {
  const response = await fetch(url, {
    method: "POST",
    body: new URLSearchParams(fields),
    headers,
    redirect: "manual",
  });
  return { status: response.status, location: response.headers.get("location"), text: await response.text() };
};
const card = (number: string) => ({ number, exp: "12 / 34", cvc: "123", name: "Ada" });

test("the page shows what is bought, and loads nothing", async () => {
  const { session } = await order(box.stripe);
  const { status, text, headers } = await get(session.url!);
  expect(status).toBe(200);
  for (const id of ["card-number", "card-expiry", "card-cvc", "pay", "cancel", "product-name", "amount"])
    expect(text).toContain(`id="${id}"`);
  expect(text).toContain("Premium");
  expect(text).toContain("$39.00");
  expect(text).toContain("per month");
  expect(text).toContain("ada@example.com");
  expect(text).toContain('href="http://shop.test/back"');
  expect(text).not.toMatch(/<script|src=|url\(/);
  expect(headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(headers.get("content-security-policy")).toContain("form-action 'self' http://shop.test");
});

test("a good card leads to the success page, and the paid page says so", async () => {
  const { session } = await order(box.stripe);
  const paid = await send(session.url!, card("4242 4242 4242 4242"));
  expect([paid.status, paid.location]).toEqual([303, `http://shop.test/done?session=${session.id}`]);
  expect(await box.stripe.checkout.sessions.retrieve(session.id)).toMatchObject({
    status: "complete",
    payment_status: "paid",
  });
  expect((await get(session.url!)).text).toContain("already paid");
});

test("a decline is told on the page, what was typed stays, and a good card then pays", async () => {
  const { session } = await order(box.stripe);
  const refused = await send(session.url!, card("4000000000009995"));
  expect(refused.status).toBe(402);
  expect(refused.text).toMatch(/id="error"[^>]*>Your card has insufficient funds\./);
  expect(refused.text).toContain('value="4000000000009995"');
  expect((await send(session.url!, card("4242424242424242"))).status).toBe(303);
  const { data } = await box.stripe.subscriptions.list({ status: "all" });
  expect(data.map((subscription) => subscription.status)).toEqual(["active"]);
});

test.each([
  ["a number with a wrong digit", { number: "4242424242424241" }, "card number is invalid"],
  ["a date in the past", { exp: "01 / 20" }, "in the past"],
  ["half a date", { exp: "12" }, "incomplete"],
  ["no security code", { cvc: "" }, "security code"],
  ["a real card", { number: "4111111111111111" }, "test mode"],
])("%s is refused", async (_what, fields, message) => {
  const { session } = await order(box.stripe);
  const refused = await send(session.url!, { ...card("4242424242424242"), ...fields });
  expect(refused.status).toBeGreaterThanOrEqual(400);
  expect(refused.text).toContain(message);
});

test("3-D Secure asks on a page of its own", async () => {
  const { session } = await order(box.stripe);
  const asked = await send(session.url!, card("4000002760003184"));
  expect(asked.location).toMatch(/^\/3ds\/pi_/);
  const challenge = `${box.url}${asked.location}`;
  expect((await get(challenge)).text).toContain("Complete authentication");
  const failed = await send(challenge, { outcome: "fail" });
  expect((await get(`${box.url}${failed.location}`)).text).toContain("unable to authenticate");

  const again = await send(session.url!, card("4000002760003184"));
  const done = await send(`${box.url}${again.location}`, { outcome: "succeed" });
  expect(done.location).toBe(`http://shop.test/done?session=${session.id}`);
  expect((await get(`${box.url}${again.location}`)).status).toBe(404);
});

test("a trial is shown as one", async () => {
  const { session } = await order(box.stripe, { subscription_data: { trial_period_days: 14 } });
  const { text } = await get(session.url!);
  expect(text).toContain("14 days free");
  expect(text).toContain("Start trial");
  expect((await send(session.url!, card("4242424242424242"))).status).toBe(303);
});

test("an unknown and an expired page say so", async () => {
  expect((await get(`${box.url}/c/pay/cs_test_none`)).status).toBe(404);
  const { session } = await order(box.stripe);
  await box.stripe.checkout.sessions.expire(session.id);
  expect(await get(session.url!)).toMatchObject({ status: 410, text: expect.stringContaining("expired") });
});

test("everything is escaped, and another site cannot send the form", async () => {
  const product = await box.stripe.products.create({ name: '<img src=x onerror="alert(1)">' });
  const price = await box.stripe.prices.create({
    product: product.id,
    currency: "jpy",
    unit_amount: 500,
    recurring: { interval: "year" },
  });
  const { session } = await order(box.stripe, { line_items: [{ price: price.id, quantity: 2 }] });
  const { text } = await get(session.url!);
  expect(text).not.toContain("<img");
  expect(text).toContain("¥1,000");
  expect((await send(session.url!, card("4242424242424242"), { origin: "http://evil.test" })).status).toBe(
    403,
  );
  const typed = await send(session.url!, { ...card('"><script>'), cvc: "'" });
  expect(typed.text).not.toContain("<script>");
});

test("invoice, PDF and receipt can be opened", async () => {
  const { session } = await order(box.stripe);
  await box.complete(session.id, "pm_card_visa");
  const paid = await box.stripe.checkout.sessions.retrieve(session.id, { expand: ["invoice"] });
  const invoice = paid.invoice as Stripe.Invoice;
  expect((await get(invoice.hosted_invoice_url!)).text).toContain(invoice.number!);
  expect((await get(invoice.invoice_pdf!)).text).toMatch(/^%PDF-1\.4[\s\S]*%%EOF\n$/);
  const [charge] = (await box.stripe.charges.list()).data;
  expect((await get(charge!.receipt_url!)).text).toContain("4242");
});

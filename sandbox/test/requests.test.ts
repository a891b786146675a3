import Stripe from "stripe";
import { order, premium, type TestSandbox, testSandbox } from "./support/sandbox.ts";

let box: TestSandbox;
beforeAll(async () => {
  box = await testSandbox();
});
afterAll(() => box.close());

/** A call that stripe-node's types would not let through. */
const post = (path: string, params: object, options: Stripe.RequestOptions = {}) =>
  box.stripe.rawRequest("POST", path, params, options) as Promise<Record<string, unknown>>;

describe("errors", () => {
  test.each([
    ["an unknown parameter", "/v1/customers", { colour: "red" }, "parameter_unknown", "colour"],
    [
      "an unknown nested parameter",
      "/v1/customers",
      { address: { planet: "x" } },
      "parameter_unknown",
      "address[planet]",
    ],
    ["a missing parameter", "/v1/products", {}, "parameter_missing", "name"],
    ["text for an integer", "/v1/customers", { balance: "ten" }, "parameter_invalid_integer", "balance"],
    ["an empty text that cannot be unset", "/v1/products", { name: "" }, "parameter_invalid_empty", "name"],
    [
      "a value that is none of the choices",
      "/v1/customers",
      { tax_exempt: "maybe" },
      undefined,
      "tax_exempt",
    ],
    ["text for a flag", "/v1/products", { name: "x", active: "yes" }, undefined, "active"],
    [
      "a webhook endpoint that is no URL",
      "/v1/webhook_endpoints",
      { url: "ftp://x", enabled_events: ["*"] },
      "url_invalid",
      "url",
    ],
    ["text for a list", "/v1/products", { name: "x", images: "one" }, undefined, "images"],
    [
      "an unknown id in a parameter",
      "/v1/prices",
      { product: "prod_none", currency: "usd", unit_amount: 1 },
      "resource_missing",
      "product",
    ],
  ])("%s is named", async (_what, path, params, code, param) => {
    await expect(post(path, params)).rejects.toMatchObject({
      type: "StripeInvalidRequestError",
      statusCode: 400,
      code,
      param,
    });
  });

  test("payment_method_types is refused with its own code", async () => {
    const price = await premium(box.stripe);
    const line_items = [{ price: price.id, quantity: 1 }];
    await expect(
      post("/v1/checkout/sessions", {
        mode: "subscription",
        success_url: "https://x.test",
        line_items,
        payment_method_types: ["card"],
      }),
    ).rejects.toMatchObject({
      code: "payment_method_types_no_longer_supported",
      param: "payment_method_types",
    });
  });

  test("an unknown id is a 404 with an error object", async () => {
    await expect(box.stripe.customers.retrieve("cus_none")).rejects.toMatchObject({
      type: "StripeInvalidRequestError",
      statusCode: 404,
      code: "resource_missing",
      param: "id",
      message: "No such customer: 'cus_none'",
    });
  });

  test("an unknown URL is a 404 with an error object", async () => {
    const response = await fetch(`${box.url}/v1/nothing`, { headers: { authorization: "Bearer sk_test_x" } });
    expect([response.status, await response.json()]).toMatchObject([
      404,
      { error: { type: "invalid_request_error" } },
    ]);
  });

  test("too many parameters are refused, and a malformed escape in a path is nobody's id", async () => {
    const headers = { authorization: "Bearer sk_test_x" };
    const many = await fetch(`${box.url}/v1/customers`, {
      method: "POST",
      headers,
      body: "a=1&".repeat(10_001),
    });
    expect([many.status, await many.json()]).toMatchObject([
      400,
      { error: { type: "invalid_request_error" } },
    ]);
    expect((await fetch(`${box.url}/v1/customers/%E0`, { headers })).status).toBe(404);
  });

  test.each(["/sandbox/advance", "/sandbox/do/advance", "/p/session/bps_1/cancel", "/i/in_1", "/3ds/pi_1"])(
    "too many parameters are refused for %s too",
    async (path) => {
      const response = await fetch(`${box.url}${path}`, { method: "POST", body: "a=1&".repeat(10_001) });
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(response.status).toBeLessThan(500);
    },
  );

  test("a body of more than two megabytes is refused, and the connection's end announced", async () => {
    const response = await fetch(`${box.url}/v1/customers`, {
      method: "POST",
      headers: { authorization: "Bearer sk_test_x" },
      body: `name=${"a".repeat(3 * 1024 * 1024)}`,
    });
    expect(response.status).toBe(413);
    expect(response.headers.get("connection")).toBe("close");
  });

  test("a moment after the year 9999 is refused", async () => {
    await expect(
      box.stripe.testHelpers.testClocks.create({ frozen_time: 999_999_999_999_999 }),
    ).rejects.toMatchObject({ statusCode: 400, param: "frozen_time" });
  });

  test("a live key, a publishable key and no key are unauthorized", async () => {
    for (const key of ["sk_live_1", "pk_test_1"]) {
      const stripe = new Stripe(key, { host: "127.0.0.1", port: box.sandbox.port, protocol: "http" });
      await expect(stripe.customers.list()).rejects.toMatchObject({
        type: "StripeAuthenticationError",
        statusCode: 401,
      });
    }
    expect((await fetch(`${box.url}/v1/customers`)).status).toBe(401);
  });

  test("a declined card is a card error", async () => {
    const { id } = await box.stripe.customers.create();
    await expect(
      box.stripe.paymentMethods.attach("pm_card_visa_chargeDeclined", { customer: id }),
    ).rejects.toMatchObject({
      type: "StripeCardError",
      statusCode: 402,
      decline_code: "generic_decline",
    });
    await expect(
      box.stripe.paymentMethods.create({
        type: "card",
        card: { number: "4242424242424241", exp_month: 1, exp_year: 2040 },
      }),
    ).rejects.toMatchObject({ type: "StripeCardError", code: "incorrect_number" });
    const fails = await box.stripe.paymentMethods.attach("pm_card_chargeCustomerFail", { customer: id });
    expect(fails.customer).toBe(id);
    expect((await box.stripe.paymentMethods.list({ customer: id })).data).toHaveLength(1);
  });

  test("answers carry a request id and the version asked for", async () => {
    const { lastResponse } = await box.stripe.customers.list(
      { limit: 1 },
      { apiVersion: "2025-01-01.acacia" },
    );
    expect(lastResponse.requestId).toMatch(/^req_/);
    expect(lastResponse.apiVersion).toBe("2025-01-01.acacia");
  });
});

describe("lists", () => {
  const email = "many@example.com";
  let ids: string[];
  beforeAll(async () => {
    ids = [];
    for (let at = 0; at < 25; at++) ids.unshift((await box.stripe.customers.create({ email })).id);
  });

  test("are paged by cursor, newest first", async () => {
    const first = await box.stripe.customers.list({ email, limit: 10 });
    expect(first).toMatchObject({ object: "list", url: "/v1/customers", has_more: true });
    expect(first.data.map(({ id }) => id)).toEqual(ids.slice(0, 10));
    const last = await box.stripe.customers.list({ email, limit: 10, starting_after: ids[19]! });
    expect([last.has_more, last.data.map(({ id }) => id)]).toEqual([false, ids.slice(20)]);
    const back = await box.stripe.customers.list({ email, limit: 5, ending_before: ids[10]! });
    expect([back.has_more, back.data.map(({ id }) => id)]).toEqual([true, ids.slice(5, 10)]);
  });

  test("are walked by stripe-node's auto-pagination", async () => {
    const all = await box.stripe.customers.list({ email, limit: 3 }).autoPagingToArray({ limit: 100 });
    expect(all.map(({ id }) => id)).toEqual(ids);
  });

  test("have 1 to 100 objects a page", async () => {
    await expect(box.stripe.customers.list({ limit: 101 })).rejects.toMatchObject({ param: "limit" });
    await expect(box.stripe.customers.list({ limit: 0 })).rejects.toMatchObject({ param: "limit" });
    await expect(box.stripe.customers.list({ starting_after: "cus_none" })).rejects.toMatchObject({
      code: "resource_missing",
    });
  });

  test("are filtered by time of creation", async () => {
    const { created } = (await box.stripe.customers.retrieve(ids[0]!)) as Stripe.Customer;
    expect((await box.stripe.customers.list({ email, created: { gt: created } })).data).toEqual([]);
    expect(
      (await box.stripe.customers.list({ email, created: { gte: created - 60, lte: created }, limit: 100 }))
        .data,
    ).toHaveLength(25);
  });
});

describe("metadata", () => {
  test("is merged; an empty value deletes a key, an empty text all", async () => {
    const { id } = await box.stripe.customers.create({ metadata: { a: "1", b: "2" } });
    expect((await box.stripe.customers.update(id, { metadata: { a: "", c: "3" } })).metadata).toEqual({
      b: "2",
      c: "3",
    });
    expect((await box.stripe.customers.update(id, { metadata: "" })).metadata).toEqual({});
  });

  test("has limits", async () => {
    const many = Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`k${at}`, "v"]));
    await expect(box.stripe.customers.create({ metadata: many })).rejects.toMatchObject({
      param: "metadata",
    });
    await expect(box.stripe.customers.create({ metadata: { ["k".repeat(41)]: "v" } })).rejects.toMatchObject({
      statusCode: 400,
    });
    await expect(box.stripe.customers.create({ metadata: { k: "v".repeat(501) } })).rejects.toMatchObject({
      param: "metadata[k]",
    });
  });
});

describe("expansion", () => {
  let session: string;
  beforeAll(async () => {
    const placed = await order(box.stripe);
    session = placed.session.id;
    await box.complete(session, "pm_card_visa");
  });

  test("goes four levels deep, in lists through data", async () => {
    const deep = await box.stripe.checkout.sessions.retrieve(session, {
      expand: ["subscription.latest_invoice.customer.subscriptions"],
    });
    expect(deep.subscription).toMatchObject({
      latest_invoice: { customer: { subscriptions: { data: [{ status: "active" }] } } },
    });
    const { data } = await box.stripe.subscriptions.list({
      limit: 1,
      expand: ["data.latest_invoice.payments"],
    });
    expect(data[0]!.latest_invoice).toMatchObject({ payments: { data: [{ status: "paid" }] } });
  });

  test("refuses a fifth level, and what cannot be expanded", async () => {
    await expect(
      box.stripe.subscriptions.list({ expand: ["data.latest_invoice.payments.data.payment"] }),
    ).rejects.toThrow("You cannot expand more than 4 levels");
    await expect(box.stripe.checkout.sessions.retrieve(session, { expand: ["metadata"] })).rejects.toThrow(
      "cannot be expanded",
    );
    await expect(box.stripe.checkout.sessions.retrieve(session, { expand: ["custmer"] })).rejects.toThrow(
      "cannot be expanded",
    );
  });

  test("leaves what is stored alone", async () => {
    expect(typeof (await box.stripe.checkout.sessions.retrieve(session)).subscription).toBe("string");
  });
});

test("a request that fails leaves no trace", async () => {
  const before = (await box.events()).length;
  await expect(
    box.stripe.products.create({
      name: "Half",
      default_price_data: { currency: "usd", recurring: { interval: "month" } },
    }),
  ).rejects.toMatchObject({ param: "default_price_data[unit_amount]" });
  expect((await box.stripe.products.list({ limit: 100 })).data.map(({ name }) => name)).not.toContain("Half");
  expect(await box.events()).toHaveLength(before);
});

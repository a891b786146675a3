import type Stripe from "stripe";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";

let box: TestSandbox;
beforeAll(async () => {
  box = await testSandbox();
});
afterAll(() => box.close());

/** A call that stripe-node's types would not let through. */
const post = (path: string, params: object, options: Stripe.RequestOptions = {}) =>
  box.stripe.rawRequest("POST", path, params, options) as Promise<Record<string, unknown>>;

describe("idempotency keys", () => {
  test("give the first answer again", async () => {
    const [first, second] = [
      await box.stripe.customers.create({ name: "Once" }, { idempotencyKey: "once" }),
      await box.stripe.customers.create({ name: "Once" }, { idempotencyKey: "once" }),
    ];
    expect(second.id).toBe(first.id);
    expect(box.last.headers.get("idempotent-replayed")).toBe("true");
    expect((await box.stripe.events.list({ type: "customer.created", limit: 1 })).data[0]!.request).toEqual({
      id: first.lastResponse.requestId,
      idempotency_key: "once",
    });
  });

  test("refuse other parameters", async () => {
    await box.stripe.customers.create({ name: "A" }, { idempotencyKey: "same" });
    await expect(
      box.stripe.customers.create({ name: "B" }, { idempotencyKey: "same" }),
    ).rejects.toMatchObject({
      type: "StripeIdempotencyError",
      statusCode: 400,
    });
  });

  test("keep a declined card's answer, and no validation's", async () => {
    const { id } = await box.stripe.customers.create();
    const attach = () =>
      box.stripe.paymentMethods.attach(
        "pm_card_chargeDeclined",
        { customer: id },
        { idempotencyKey: "declined" },
      );
    await expect(attach()).rejects.toMatchObject({ statusCode: 402 });
    await expect(attach()).rejects.toMatchObject({ statusCode: 402 });
    expect(box.last.headers.get("idempotent-replayed")).toBe("true");

    await expect(post("/v1/customers", { colour: "red" }, { idempotencyKey: "fixed" })).rejects.toMatchObject(
      { statusCode: 400 },
    );
    expect(await post("/v1/customers", { name: "Red" }, { idempotencyKey: "fixed" })).toMatchObject({
      name: "Red",
    });
  });

  test("are in use while their request runs", async () => {
    await box.control("/faults", {
      calls: [{ method: "POST", path: "/v1/customers", times: 1, delayMs: 60_000 }],
    });
    const once = box.client({ maxNetworkRetries: 0 });
    const first = once.customers.create({ name: "Slow" }, { idempotencyKey: "slow" });
    await box.held(1);
    await expect(once.customers.create({ name: "Slow" }, { idempotencyKey: "slow" })).rejects.toMatchObject({
      statusCode: 409,
      code: "idempotency_key_in_use",
    });
    await box.control("/faults", { reset: true });
    expect((await first).name).toBe("Slow");
  });

  test("are forgotten after a day", async () => {
    const { id } = await box.stripe.customers.create({}, { idempotencyKey: "daily" });
    await box.advance({ hours: 24, seconds: 2 });
    expect((await box.stripe.customers.create({}, { idempotencyKey: "daily" })).id).not.toBe(id);
  });

  test("can be 255 characters long and no longer", async () => {
    const longest = "k".repeat(255);
    await box.stripe.customers.create({}, { idempotencyKey: longest });
    await expect(box.stripe.customers.create({}, { idempotencyKey: `${longest}k` })).rejects.toMatchObject({
      statusCode: 400,
      message: expect.stringContaining("255"),
    });
  });

  test("stand for one operation: the same key elsewhere is refused", async () => {
    const { id } = await box.stripe.customers.create({ name: "A" }, { idempotencyKey: "elsewhere" });
    await expect(
      box.stripe.customers.update(id, { name: "A" }, { idempotencyKey: "elsewhere" }),
    ).rejects.toMatchObject({ type: "StripeIdempotencyError" });
  });

  test("give the answer as it was, whatever became of the object", async () => {
    const first = await box.stripe.customers.create({ name: "Then" }, { idempotencyKey: "as-it-was" });
    await box.stripe.customers.update(first.id, { name: "Now" });
    const again = await box.stripe.customers.create({ name: "Then" }, { idempotencyKey: "as-it-was" });
    expect({ ...again }).toEqual({ ...first });
    expect(await box.stripe.customers.retrieve(first.id)).toMatchObject({ name: "Now" });
  });

  test("mean nothing to reads and deletions", async () => {
    const idempotencyKey = "for-reads";
    const { id } = await box.stripe.customers.create();
    await box.stripe.customers.retrieve(id, {}, { idempotencyKey });
    await box.stripe.customers.del(id, {}, { idempotencyKey });
    const read = await box.stripe.customers.retrieve(id, {}, { idempotencyKey });
    expect(read).toMatchObject({ deleted: true });
  });

  test("are free again while a fault holds a call that has done nothing", async () => {
    await box.control("/faults", {
      calls: [{ method: "POST", path: "/v1/customers", times: 1, status: "timeout" }],
    });
    const once = box.client({ maxNetworkRetries: 0 });
    const held = once.customers.create({ name: "Held" }, { idempotencyKey: "held" });
    const ended = expect(held).rejects.toMatchObject({ type: "StripeConnectionError" });
    await box.held(1);
    const { id } = await once.customers.create({ name: "Held" }, { idempotencyKey: "held" });
    expect(await box.stripe.customers.retrieve(id)).toMatchObject({ name: "Held" });
    await box.control("/faults", { reset: true });
    await ended;
  });
});

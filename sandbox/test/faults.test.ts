import { Faults } from "../faults.ts";
import { SearchLag } from "../search/lag.ts";
import { eventually } from "./support/eventually.ts";
import { Receiver } from "./support/receiver.ts";
import { closeLeftovers, type TestSandbox, testSandbox } from "./support/sandbox.ts";

let box: TestSandbox;
beforeEach(async () => {
  box = await testSandbox();
});
afterEach(() => box.close().finally(closeLeftovers));

const customers = async () => (await box.stripe.customers.list()).data.length;

describe("faults of calls", () => {
  test("before: nothing happens, and the next try goes through", async () => {
    await box.control("/faults", {
      calls: [{ method: "POST", path: "/v1/customers", times: 1, status: 500, when: "before" }],
    });
    await expect(box.client({ maxNetworkRetries: 0 }).customers.create()).rejects.toMatchObject({
      type: "StripeAPIError",
      statusCode: 500,
    });
    expect(await customers()).toBe(0);
    await box.stripe.customers.create();
    expect(await customers()).toBe(1);
  });

  test("after: it has happened, and stripe-node's own retry finds it", async () => {
    await box.control("/faults", {
      calls: [{ method: "POST", path: "/v1/customers", times: 1, status: 503, when: "after" }],
    });
    const created = await box.stripe.customers.create({ name: "Once" });
    expect(box.last.headers.get("idempotent-replayed")).toBe("true");
    expect((await box.stripe.customers.list()).data.map(({ id }) => id)).toEqual([created.id]);
  });

  test("reset cuts the connection, timeout leaves it open", async () => {
    const once = box.client({ maxNetworkRetries: 0, timeout: 200 });
    await box.control("/faults", {
      calls: [
        { method: "GET", path: "/v1/customers/*", times: 1, status: "reset" },
        { method: "GET", path: "/v1/customers/*", times: 1, status: "timeout" },
      ],
    });
    await expect(once.customers.retrieve("cus_1")).rejects.toMatchObject({ type: "StripeConnectionError" });
    await expect(once.customers.retrieve("cus_1")).rejects.toMatchObject({ type: "StripeConnectionError" });
    await expect(box.stripe.customers.retrieve("cus_1")).rejects.toMatchObject({ statusCode: 404 });
  });

  test("429 is a rate limit, and a lock timeout when so named", async () => {
    const once = box.client({ maxNetworkRetries: 0 });
    await box.control("/faults", {
      calls: [
        { method: "GET", path: "/v1/account", times: 1, status: 429 },
        { method: "GET", path: "/v1/account", times: 1, status: 429, code: "lock_timeout" },
      ],
    });
    await expect(once.accounts.retrieveCurrent()).rejects.toMatchObject({
      type: "StripeRateLimitError",
      code: "rate_limit",
    });
    await expect(once.accounts.retrieveCurrent()).rejects.toMatchObject({ code: "lock_timeout" });
  });

  test("a delay alone only delays, and a reset ends all", async () => {
    await box.control("/faults", { calls: [{ method: "*", path: "*", delayMs: 60_000 }] });
    const delayed = box.stripe.customers.create({ name: "Late" });
    await box.held(1);
    expect((await box.control("/faults", { reset: true })).body).toEqual({
      faults: { calls: [], webhooks: {} },
    });
    expect((await delayed).name).toBe("Late");
    expect(await customers()).toBe(1);
  });

  test("429 speaks as Stripe does, and is retried only when it says so", async () => {
    await box.control("/faults", {
      calls: [
        { method: "POST", path: "/v1/customers", times: 1, status: 429, shouldRetry: true },
        { method: "POST", path: "/v1/customers", times: 1, status: 429, code: "lock_timeout" },
      ],
    });
    await expect(box.stripe.customers.create()).rejects.toThrow("This object cannot be accessed right now");
    expect(box.exchanges.filter(({ status }) => status === 429)).toHaveLength(2);
    expect(await customers()).toBe(0);
  });

  test("stripe-should-retry ends the retries of an error that would be retried", async () => {
    await box.control("/faults", {
      calls: [{ method: "POST", path: "/v1/customers", times: 1, status: 500, shouldRetry: false }],
    });
    await expect(box.stripe.customers.create()).rejects.toMatchObject({ statusCode: 500 });
    expect(box.last.headers.get("stripe-should-retry")).toBe("false");
    expect(await customers()).toBe(0);
  });

  test("a share of the calls fails, the same ones for the same seed", async () => {
    const run = async (seed: number) => {
      await box.control("/faults", { reset: true });
      await box.control("/faults", {
        seed,
        calls: [{ method: "GET", path: "/v1/account", share: 0.5, status: 500, shouldRetry: false }],
      });
      let fates = "";
      for (let at = 0; at < 24; at++) {
        await box.stripe.accounts.retrieveCurrent().then(
          () => (fates += "."),
          () => (fates += "x"),
        );
      }
      return fates;
    };
    const [first, again, other] = [await run(7), await run(7), await run(8)];
    expect(again).toBe(first);
    expect(other).not.toBe(first);
    expect(first).toMatch(/x/);
    expect(first).toMatch(/\./);
  });

  test.each([
    [
      "a status that is none",
      { calls: [{ method: "GET", path: "/v1/x", status: "never" }] },
      "calls[0][status]",
    ],
    ["a success as a fault", { calls: [{ method: "GET", path: "/v1/x", status: 200 }] }, "calls[0][status]"],
    ["no path", { calls: [{ method: "GET" }] }, "calls[0][path]"],
    ["a time that is none", { calls: [{ method: "*", path: "*", when: "later" }] }, "calls[0][when]"],
    ["a field that is not known", { calls: [{ method: "*", path: "*", colour: 1 }] }, "calls[0][colour]"],
    ["a share above one", { webhooks: { drop: 2 } }, "webhooks[drop]"],
    ["a negative delay", { webhooks: { delayMs: -1 } }, "webhooks[delayMs]"],
    ["a lag that is no number", { search: { lagSeconds: "long" } }, "search[lagSeconds]"],
    ["a seed that is no number", { seed: "seven" }, "seed"],
    ["calls that are no list", { calls: {} }, "calls"],
    ["something else", { weather: "bad" }, "weather"],
  ])("%s is refused, and puts nothing on", async (_what, faults, param) => {
    expect(await box.control("/faults", faults)).toMatchObject({ status: 400, body: { error: { param } } });
    expect((await box.control("/faults", { seed: 1 })).body).toEqual({ faults: { calls: [], webhooks: {} } });
  });
});

describe("faults of webhooks", () => {
  const fates = (seed: number, order: number[]) => {
    const faults = new Faults(new SearchLag());
    faults.add({ seed, webhooks: { drop: 0.5, duplicate: 0.5, reorder: true } });
    const ids = Array.from({ length: 20 }, (_, at) => `dlv_${at}`);
    const ranks = ids.map((id) => faults.rank(id));
    const found = order.map((at) => [at, faults.webhook(ids[at]!, 0), faults.webhook(ids[at]!, 1)]);
    return JSON.stringify([ranks, found.sort(([a], [b]) => Number(a) - Number(b))]);
  };

  test("are decided by the seed and a delivery's place, whichever is tried first", () => {
    const forwards = Array.from({ length: 20 }, (_, at) => at);
    expect(fates(3, forwards.toReversed())).toBe(fates(3, forwards));
    expect(fates(4, forwards)).not.toBe(fates(3, forwards));
  });

  test("drop the same deliveries in every run of a seed", async () => {
    const receiver = await Receiver.start();
    const fatesOf = async (seed: number) => {
      const own = await testSandbox();
      const { url } = receiver;
      await own.stripe.webhookEndpoints.create({ url, enabled_events: ["customer.created"] });
      await own.control("/faults", { seed, webhooks: { drop: 0.5 } });
      for (let at = 0; at < 12; at++) await own.stripe.customers.create({ name: String(at) });
      const tried = await eventually(
        () => own.deliveries(),
        (deliveries) => deliveries.length === 12 && deliveries.every(({ attempts }) => attempts.length > 0),
      );
      await own.close();
      return tried.map(({ attempts }) => (attempts[0]!.error ? "x" : ".")).join("");
    };
    const [first, again, other] = [await fatesOf(11), await fatesOf(11), await fatesOf(12)];
    expect(again).toBe(first);
    expect(other).not.toBe(first);
    expect(first).toContain("x");
    receiver.close();
  });
});

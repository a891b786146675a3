import http from "node:http";
import { order, type TestSandbox, testSandbox } from "./support/sandbox.ts";

let box: TestSandbox;
beforeEach(async () => {
  box = await testSandbox();
});
afterEach(() => box.close());

test("the API calls received are listed, without the sandbox's own", async () => {
  await box.stripe.customers.create({ name: "Ada", metadata: { user: "u1" } }, { idempotencyKey: "key-1" });
  await box.advance({ seconds: 1 });
  const { requests } = (await (await fetch(`${box.url}/sandbox/requests`)).json()) as { requests: object[] };
  expect(requests).toEqual([
    {
      id: expect.stringMatching(/^req_/),
      method: "POST",
      path: "/v1/customers",
      params: { name: "Ada", metadata: { user: "u1" } },
      idempotencyKey: "key-1",
      userAgent: expect.stringContaining("NodeBindings"),
      status: 200,
      time: expect.any(String),
    },
  ]);
});

describe("time", () => {
  const time = async (query = "") =>
    (await fetch(`${box.url}/sandbox/time${query}`)).json() as Promise<{
      now: string;
      unix: number;
      offsetSeconds: number;
    }>;

  test("is real time plus an offset that only grows", async () => {
    expect((await time()).offsetSeconds).toBe(0);
    const { body } = await box.advance({ days: 1, hours: 2, seconds: 3 });
    expect(body).toMatchObject({ offsetSeconds: 93_603 });
    const { now, unix } = await time();
    expect(Math.abs(unix - Date.now() / 1000 - 93_603)).toBeLessThan(3);
    expect(Math.floor(Date.parse(now) / 1000)).toBe(unix);
    expect((await box.advance({ seconds: -1 })).status).toBe(400);
  });

  test.each([{ days: 1e9 }, { days: 36_530 }, { seconds: 1e300 }])(
    "that is more than a century ahead (%j) is refused, and changes nothing",
    async (far) => {
      expect(await box.advance(far)).toMatchObject({
        status: 400,
        body: { error: { type: "invalid_request_error" } },
      });
      expect((await time()).offsetSeconds).toBe(0);
      expect((await fetch(`${box.url}/sandbox`)).status).toBe(200);
      expect(await box.advance({ days: 36_500 })).toMatchObject({ status: 200 });
    },
  );

  test("a waiting reader hears of a change at once", async () => {
    const waiting = time("?changed_from=0");
    await new Promise((resolve) => setTimeout(resolve, 50));
    await box.advance({ hours: 1 });
    expect((await waiting).offsetSeconds).toBe(3600);
    expect((await time("?changed_from=0")).offsetSeconds).toBe(3600);
  });
});

describe("the sandbox's own paths", () => {
  const ask = (headers: Record<string, string>) =>
    new Promise<number>((resolve, reject) => {
      const request = http.get(
        { port: box.sandbox.port, host: "127.0.0.1", path: "/sandbox/time", headers },
        (response) => {
          response.resume();
          resolve(response.statusCode!);
        },
      );
      request.on("error", reject);
    });

  test("refuse a foreign Host and a foreign Origin", async () => {
    expect(await ask({ host: "evil.test" })).toBe(403);
    expect(await ask({ host: "127.0.0.1.evil.test" })).toBe(403);
    expect(await ask({ origin: "http://evil.test" })).toBe(403);
    expect(await ask({ origin: "null" })).toBe(403);
    expect(await ask({ host: "localhost:99" })).toBe(200);
    expect(await ask({ origin: box.url })).toBe(200);
  });

  test("say so when they do not know something", async () => {
    expect((await box.control("/nothing", {})).status).toBe(404);
    expect(await box.complete("cs_test_none", "pm_card_visa")).toMatchObject({
      status: 404,
      body: { error: { code: "resource_missing" } },
    });
    const { session } = await order(box.stripe);
    expect(await box.complete(session.id, "pm_card_imagined")).toMatchObject({
      status: 400,
      body: { error: { param: "payment_method" } },
    });
  });
});

describe("settings", () => {
  const settings = async () => (await fetch(`${box.url}/sandbox/settings`)).json();

  test("say when a failed payment is tried again, and what follows the last try", async () => {
    expect(await settings()).toEqual({ afterRetries: "cancel", retryDays: [3, 5, 7] });
    expect(await box.control("/settings", { afterRetries: "unpaid" })).toEqual({
      status: 200,
      body: { afterRetries: "unpaid", retryDays: [3, 5, 7] },
    });
    await box.control("/settings", { retryDays: [1, 0.5] });
    expect(await settings()).toEqual({ afterRetries: "unpaid", retryDays: [1, 0.5] });
  });

  test.each([
    ["afterRetries", "give up"],
    ["retryDays", "3"],
    ["retryDays", [0]],
    ["retryDays", [1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ])("%s cannot be %j", async (param, value) => {
    expect(await box.control("/settings", { [param]: value })).toMatchObject({
      status: 400,
      body: { error: { param } },
    });
    expect(await settings()).toEqual({ afterRetries: "cancel", retryDays: [3, 5, 7] });
  });
});

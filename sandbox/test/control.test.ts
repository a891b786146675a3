import http from "node:http";
import net from "node:net";
import { order, type TestSandbox, testSandbox } from "./support/sandbox.ts";

let box: TestSandbox;
beforeEach(async () => {
  box = await testSandbox();
});
afterEach(() => box.close());

test("the API calls received are listed, without the sandbox's own", async () => {
  await box.stripe.customers.create({ name: "Ada", metadata: { user: "u1" } }, { idempotencyKey: "key-1" });
  await box.advance({ seconds: 1 });
  const { requests } = await box.shown<{ requests: object[] }>("/requests");
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
  const time = (query = "") =>
    box.shown<{ now: string; unix: number; offsetSeconds: number }>(`/time${query}`);

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
    // Both on one connection, which takes them in this order: the first waits when the second comes.
    const socket = net.connect(box.sandbox.port, "127.0.0.1");
    const host = "host: localhost\r\n";
    socket.write(`GET /sandbox/time?changed_from=0 HTTP/1.1\r\n${host}\r\n`);
    socket.write(`POST /sandbox/advance?hours=1 HTTP/1.1\r\n${host}content-length: 0\r\n\r\n`);
    let heard = "";
    for await (const chunk of socket) {
      heard += chunk;
      if (heard.match(/"offsetSeconds": 3600/g)?.length === 2) break;
    }
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
  const settings = () => box.shown("/settings");

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

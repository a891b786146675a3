import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Redis } from "ioredis";
import { ProviderUnavailable } from "../../src/errors.ts";
import { Metrics } from "../../src/metrics.ts";
import { CallBudget } from "../../src/stripe/budget.ts";
import { whileSomebodyWaits } from "../../src/stripe/call-scope.ts";
import { StripeGateway, stripeClient } from "../../src/stripe/gateway.ts";
import { budgetedHttpClient } from "../../src/stripe/http-client.ts";

const answers: ((response: ServerResponse) => void)[] = [];
let server: Server;
let gateway: StripeGateway;
const redis = new Redis("redis://127.0.0.1:1", { retryStrategy: () => null, lazyConnect: true });
redis.on("error", () => {});

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume().on("end", () => answers.shift()?.(response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const apiBase = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const metrics = new Metrics();
  const http = budgetedHttpClient(new CallBudget(redis, 1_000), metrics);
  gateway = new StripeGateway(stripeClient({ secretKey: "sk_test_a", apiBase }, http), metrics);
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const json = (status: number, body: object) => (response: ServerResponse) => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
};
const customer = { id: "cus_1", object: "customer", metadata: {} };
const refused = (code: string) =>
  json(429, { error: { type: "invalid_request_error", code, message: code } });

test.each(["rate_limit", "lock_timeout"])("a 429 for %s is asked again", async (code) => {
  answers.push(refused(code), refused(code), json(200, customer));
  expect(await gateway.customer("cus_1")).toMatchObject({ id: "cus_1" });
  expect(answers).toEqual([]);
});

test("who waits is told within ten seconds that Stripe cannot be reached, however long it hangs", async () => {
  const began = Date.now();
  await expect(whileSomebodyWaits(() => gateway.customer("cus_1"))).rejects.toThrow(ProviderUnavailable);
  expect(Date.now() - began).toBeLessThan(15_000);
});

import { CREATE_CHECKOUT, checkoutInput, STATUS } from "../support/checkout.ts";
import { type LogLine, recordLogs } from "../support/logs.ts";
import { addCard, addMethod, newMethod } from "../support/methods.ts";
import {
  ask,
  eventually,
  newUser,
  startService,
  type TestService,
  WEBHOOK_SECRET,
} from "../support/service.ts";
import { setFaults, stripeOf } from "../support/stripe.ts";
import { deliver, eventOf } from "../support/webhook.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const { logger, lines } = recordLogs();
let service: TestService;
beforeAll(async () => {
  service = await startService({ overrides: { logger } });
});
afterEach(() => setFaults(service, { reset: true }));
afterAll(() => service.stop());

const lineOf = (msg: string) =>
  eventually(
    () => lines.find((line) => line.msg === msg),
    (line) => line !== undefined,
  ) as Promise<LogLine>;

/** One request as a gateway sends it, with its ids. */
async function askTraced(query: string, variables: object, token: string) {
  const response = await fetch(`${service.url}/graphql`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${token}`,
      "x-request-id": "request-1",
      traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
    },
    body: JSON.stringify({ query, variables }),
  });
  expect(response.headers.get("x-request-id")).toBe("request-1");
  return response.json();
}

test("lines say which request and trace they belong to, which intent, and which event", async () => {
  const token = await service.token(newUser());
  await setFaults(service, {
    calls: [{ method: "POST", path: "/v1/checkout/sessions", times: 20, status: 500, when: "before" }],
  });
  await askTraced(CREATE_CHECKOUT, { input: await checkoutInput(service) }, token);
  expect(await lineOf("the outcome of a change at Stripe is unknown; asking again")).toMatchObject({
    ...{ requestId: "request-1", traceId: TRACE, intentId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
  });

  await setFaults(service, {
    calls: [{ method: "GET", path: "/v1/customers/cus_refused", status: 400, when: "before" }],
  });
  const event = eventOf("customer.updated", { id: "cus_refused" });
  await deliver(service, JSON.stringify(event));
  expect(await lineOf("an event could not be worked on")).toMatchObject({ eventId: event.id });
});

test("a request without an id of its own, or with one that is none, gets one", async () => {
  for (const given of [undefined, "", "two words", "x".repeat(129), "line\tbreak"]) {
    const response = await fetch(`${service.url}/health/liveness`, {
      ...(given !== undefined && { headers: { "x-request-id": given } }),
    });
    expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  }
});

test("a payment and everything that goes wrong beside it write no secret and no address into the log", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  await setFaults(service, {
    calls: [
      { method: "POST", path: "/v1/customers", times: 3, status: 500, when: "before" },
      { method: "GET", path: "/v1/*", times: 6, status: 500, when: "before" },
    ],
  });
  const input = { ...(await checkoutInput(service)), idempotencyKey: "of-the-client" };
  const opened = await eventually(
    () => service.ask(CREATE_CHECKOUT, { input }, token),
    (answer) => answer.data?.createCheckoutSession,
    60_000,
  );
  const { id, url } = opened.data.createCheckoutSession;
  await service.pay(id);
  await eventually(
    () => service.ask(STATUS, {}, token),
    (answer) => answer.data.subscriptionStatus?.grantsAccess,
  );
  await ask(service.url, STATUS, {}, `${token}forged`);
  await deliver(service, "{}", `t=1,v1=${"0".repeat(64)}`);

  const { jwt, stripe, database } = service.config;
  const text = lines.map((line) => JSON.stringify(line)).join("\n");
  expect(lines.length).toBeGreaterThan(2);
  for (const secret of [
    ...[token, jwt.secret, stripe.secretKey, WEBHOOK_SECRET, database.url, new URL(database.url).password],
    ...[url, `${userId}@example.com`, "Bearer "],
  ].filter(Boolean))
    expect(text).not.toContain(secret);
}, 90_000);

test("storing cards, declined ones too, and the portal write no secret, no address and nothing of a card into the log", async () => {
  const token = await service.token(newUser());
  const declined = await addCard(service, token, "tok_chargeDeclinedStolenCard");
  expect(declined.errors?.[0]?.extensions.code).toBe("PAYMENT_DECLINED");
  const method = await newMethod(service);
  await setFaults(service, {
    calls: [{ method: "POST", path: "/v1/*", times: 4, status: "reset", when: "after" }],
  });
  await eventually(
    () => addMethod(service, token, method),
    (answer) => answer.data?.addPaymentMethod,
    60_000,
  );
  const setup = await service.ask("mutation { createSetupIntent { clientSecret } }", {}, token);
  const open = 'mutation { createBillingPortalSession(returnUrl: "https://learn.example.com/") { url } }';
  const portal = await service.ask(open, {}, token);
  const { fingerprint } = (await stripeOf(service).paymentMethods.retrieve(method)).card ?? {};
  const text = lines.map((line) => JSON.stringify(line)).join("\n");
  expect(text).toContain("Stripe refused a change");
  for (const secret of [
    ...[setup.data.createSetupIntent.clientSecret, portal.data.createBillingPortalSession.url],
    ...[fingerprint as string, "4242", "_secret_", "/p/session/"],
  ])
    expect(text).not.toContain(secret);
}, 90_000);

test("a secret is cut out of what is logged by its name, wherever it stands", () => {
  const own = recordLogs();
  const secrets = { token: "hush", password: "hush", clientSecret: "hush", email: "hush", url: "hush" };
  own.logger.info(
    { ...secrets, request: { ...secrets, headers: { authorization: "hush", ...secrets } } },
    "told",
  );
  expect(JSON.stringify(own.lines)).not.toContain("hush");
  expect(own.lines[0]).toMatchObject({ token: "[redacted]", request: { headers: { email: "[redacted]" } } });
});

import { subscribe } from "../support/checkout.ts";
import { ROUTER_SECRET, startRouter, type TestRouter } from "../support/router.ts";
import { eventually, newUser, startReplica, startService, type TestService } from "../support/service.ts";

const LIVE = "subscription { subscriptionStatusChanged { status } }";

let service: TestService;
let router: TestRouter;
let elsewhere: TestRouter;
beforeAll(async () => {
  [router, elsewhere] = await Promise.all([startRouter(), startRouter()]);
  service = await startService({ env: router.env });
});
afterAll(async () => {
  await service.stop();
  router.close();
  elsewhere.close();
});
beforeAll(async () => {
  await service.ask("{ plans { id } }"); // from then on it is known, and has a shorter way
});
beforeEach(() => {
  router.heard.splice(0);
  router.answer = () => 204;
});

const actions = (id: string) =>
  router.heard.filter(({ said }) => said.id === id).map(({ said }) => said.action);
const open = async ({ app }: Pick<TestService, "app">) =>
  (await app.parts.metrics.liveSubscriptions.get()).values[0]?.value ?? 0;

describe("nothing is posted, and the request is refused,", () => {
  const token = () => service.token(newUser());

  test.each<[string, () => Promise<Parameters<TestRouter["subscribe"]>[1]>, string]>([
    ["for a query", async () => ({ query: "{ plans { id } }", token: await token() }), "BAD_USER_INPUT"],
    [
      "for a mutation",
      async () => ({
        query: "mutation { cancelSubscription(input: { id: 1 }) { id } }",
        token: await token(),
      }),
      "BAD_USER_INPUT",
    ],
    [
      "for a document that is none",
      async () => ({ query: "subscription {", token: await token() }),
      "GRAPHQL_PARSE_FAILED",
    ],
    [
      "for a field that there is not",
      async () => ({ query: "subscription { nothing }", token: await token() }),
      "GRAPHQL_VALIDATION_FAILED",
    ],
    ["without a caller", async () => ({ query: LIVE }), "UNAUTHENTICATED"],
    [
      "for a caller with a token that is not valid",
      async () => ({ query: LIVE, token: "nonsense" }),
      "UNAUTHENTICATED",
    ],
    [
      "without the router's secret",
      async () => ({ query: LIVE, token: await token(), headers: { "router-secret": "" } }),
      "FORBIDDEN",
    ],
    [
      "with nearly the router's secret",
      async () => ({ query: LIVE, token: await token(), headers: { "router-secret": `${ROUTER_SECRET}.` } }),
      "FORBIDDEN",
    ],
  ])("%s", async (_name, asked, code) => {
    const { status, answer, id } = await router.subscribe(service, await asked());
    expect(status).toBe(400);
    expect(answer.errors?.map(({ extensions }) => extensions.code)).toEqual([code]);
    expect(answer.data ?? null).toBeNull();
    expect(actions(id)).toEqual([]);
    expect(router.heard).toEqual([]);
  });

  test.each<[string, (origin: string) => unknown]>([
    ["another origin", () => `${elsewhere.origin}/callback`],
    ["the same host under another name", (origin) => `${origin.replace("127.0.0.1", "localhost")}/callback`],
    ["an origin that only begins alike", (origin) => `${origin}0/callback`],
    ["an address with a login", (origin) => origin.replace("//", "//a:b@")],
    [
      "another origin behind a login that looks like ours",
      (origin) => `${origin}@${elsewhere.origin.slice(7)}/`,
    ],
    ["what parsers disagree about", (origin) => `${elsewhere.origin}\\@${origin.slice(7)}/`],
    ["a file", () => "file:///etc/passwd"],
    ["no address", () => "router"],
    ["nothing", () => undefined],
    ["what is no text", () => ({ toString: "router" })],
  ])("towards %s", async (_name, callbackUrl) => {
    const asked = {
      query: LIVE,
      token: await token(),
      extension: { callbackUrl: callbackUrl(router.origin) },
    };
    const { status, answer } = await router.subscribe(service, asked);
    expect(status).toBe(400);
    expect(answer.errors?.[0]?.extensions).toEqual({
      code: "BAD_USER_INPUT",
      field: "extensions.subscription.callbackUrl",
    });
    expect([...router.heard, ...elsewhere.heard]).toEqual([]);
  });

  test.each([1, 999, -1, 0.5, 86_400_001, "5000", null])(
    "with heartbeats every %p ms",
    async (heartbeatIntervalMs) => {
      const asked = { query: LIVE, token: await token(), extension: { heartbeatIntervalMs } };
      const { status, answer } = await router.subscribe(service, asked);
      expect(status).toBe(400);
      expect(answer.errors?.[0]?.extensions.field).toBe("extensions.subscription.heartbeatIntervalMs");
      expect(router.heard).toEqual([]);
    },
  );

  test("in the address of a GET", async () => {
    const subscription = {
      callbackUrl: router.origin,
      subscriptionId: "1",
      verifier: "2",
      heartbeatIntervalMs: 0,
    };
    const search = new URLSearchParams({
      query: "{ plans { id } }",
      extensions: JSON.stringify({ subscription }),
    });
    const response = await fetch(`${service.url}/graphql?${search}`, {
      headers: {
        ...{ "router-secret": ROUTER_SECRET, "apollo-require-preflight": "1" },
        authorization: `Bearer ${await token()}`,
      },
    });
    expect(response.status).toBe(400);
    expect(router.heard).toEqual([]);
  });

  test.each([{ CALLBACK_ORIGINS: "" }, { ROUTER_SECRET: "" }])("where there are none: %p", async (env) => {
    const replica = await startReplica(service, { ...env, WORKER: "off" });
    const { status, answer } = await router.subscribe(replica, { query: LIVE, token: await token() });
    await replica.app.stop();
    expect(status).toBe(400);
    expect(answer.errors?.[0]?.message).toMatch(/^Callbacks are off here/);
    expect(router.heard).toEqual([]);
  });
});

test("what the caller may not see is refused in the answer, and nothing is posted", async () => {
  const query = 'subscription { accessChanged(userId: "somebody-else") { id } }';
  const { status, answer } = await router.subscribe(service, {
    query,
    token: await service.token(newUser()),
  });
  expect(status).toBe(200);
  expect(answer).toMatchObject({ data: null, errors: [{ extensions: { code: "FORBIDDEN" } }] });
  expect(router.heard).toEqual([]);
});

test("the router is asked first, then told the state and each change, under its id and verifier", async () => {
  const token = await service.token(newUser());
  const { id, status, answer, headers } = await router.subscribe(service, { query: LIVE, token });
  expect([status, answer]).toEqual([200, { data: null }]);
  expect(headers.get("subscription-protocol")).toBe("callback/1.0");
  await eventually(
    () => router.told(id).length,
    (count) => count === 1,
  );
  await subscribe(service, token);
  await eventually(
    () => router.told(id).at(-1)?.payload?.data.subscriptionStatusChanged?.status,
    (shown) => shown === "ACTIVE",
  );
  expect(actions(id).slice(0, 2)).toEqual(["check", "next"]);
  expect(router.told(id)[0]?.payload).toEqual({ data: { subscriptionStatusChanged: null } });
  for (const { method, headers: sent, said } of router.heard) {
    expect(said).toMatchObject({ kind: "subscription", id, verifier: `of ${id}` });
    expect([method, sent["content-type"], sent["subscription-protocol"]]).toEqual([
      ...["POST", "application/json", "callback/1.0"],
    ]);
    expect(sent.authorization ?? sent["router-secret"]).toBeUndefined();
  }
});

describe("when the router does not take", () => {
  test.each([400, 404, 302])(
    "the check (%i), there is no subscription, and no second try",
    async (status) => {
      const before = await open(service);
      router.answer = () => status;
      const asked = await router.subscribe(service, { query: LIVE, token: await service.token(newUser()) });
      expect(asked.status).toBe(400);
      expect(actions(asked.id)).toEqual(["check"]);
      expect(router.heard).toHaveLength(1);
      expect(await open(service)).toBe(before);
    },
  );

  test.each([400, 404, 302])("a result (%i), the subscription ends without another word", async (status) => {
    router.answer = ({ action }) => (action === "next" ? status : 204);
    const before = await open(service);
    const { id } = await router.subscribe(service, { query: LIVE, token: await service.token(newUser()) });
    await eventually(
      () => actions(id),
      (all) => all.length === 2,
    );
    await eventually(
      () => open(service),
      (count) => count === before,
    );
    expect(actions(id)).toEqual(["check", "next"]);
    expect(router.heard).toHaveLength(2);
  });

  test("a result because of a fault of its own, it is told again", async () => {
    let faults = 2;
    router.answer = ({ action }) => (action === "next" && faults-- > 0 ? 503 : 204);
    const { id } = await router.subscribe(service, { query: LIVE, token: await service.token(newUser()) });
    await eventually(
      () => actions(id),
      (all) => all.length === 4,
    );
    expect(actions(id)).toEqual(["check", "next", "next", "next"]);
  });

  test("a heartbeat, the subscription ends", async () => {
    const before = await open(service);
    let beats = 0;
    router.answer = ({ action }) => (action === "check" && ++beats > 2 ? 404 : 204);
    const { id } = await router.subscribe(service, {
      ...{ query: LIVE, token: await service.token(newUser()), extension: { heartbeatIntervalMs: 1_000 } },
    });
    await eventually(
      () => actions(id),
      (all) => all.length === 4,
    );
    expect(actions(id)).toEqual(["check", "next", "check", "check"]);
    await eventually(
      () => open(service),
      (count) => count === before,
    );
  });
});

test("a caller has so many at a time, and others theirs", async () => {
  const token = await service.token(newUser());
  const all = await Promise.all(
    Array.from({ length: 51 }, () => router.subscribe(service, { query: LIVE, token })),
  );
  const refused = all.filter(({ status }) => status !== 200);
  expect(refused.map(({ answer }) => answer.errors?.[0]?.extensions)).toEqual([
    { code: "RATE_LIMITED", retryable: true },
  ]);
  const another = await router.subscribe(service, { query: LIVE, token: await service.token(newUser()) });
  expect(another.status).toBe(200);
});

test("a service that stops tells the router that it may come again", async () => {
  const replica = await startReplica(service, { WORKER: "off" });
  const { id } = await router.subscribe(replica, { query: LIVE, token: await service.token(newUser()) });
  await eventually(
    () => router.told(id).length,
    (count) => count === 1,
  );
  await replica.app.stop();
  expect(router.told(id).at(-1)).toMatchObject({
    action: "complete",
    errors: [{ extensions: { code: "SERVICE_UNAVAILABLE", retryable: true } }],
  });
});

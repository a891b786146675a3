import { type App, createApp } from "../../src/app.ts";
import { LIMITS } from "../../src/limits.ts";
import { recordLogs } from "../support/logs.ts";
import { startRouter, type TestRouter } from "../support/router.ts";
import { type Answer, ask as askAt, newUser, startService, type TestService } from "../support/service.ts";
import { first, liveTransports } from "../support/transports.ts";

type Operation = "query" | "subscription";
type Ask = (document: string, by?: string) => Promise<Partial<Answer>>;

let service: TestService;
let router: TestRouter;
let token: string;
const { logger, lines } = recordLogs();
beforeAll(async () => {
  router = await startRouter();
  service = await startService({ env: router.env, overrides: { logger } });
  token = await service.token(newUser());
});
afterAll(async () => {
  await service.stop();
  router.close();
});
beforeEach(() => void lines.splice(0));

/** Every way to the service. */
const WAYS: [name: string, Operation, Ask][] = [
  ["HTTP", "query", (document, by) => service.ask(document, {}, by)],
  ...Object.entries(liveTransports(() => router)).map(([name, open]): [string, Operation, Ask] => [
    name,
    "subscription",
    (document, by) => first(open(service, document, by ? { token: by } : {})),
  ]),
];

/** The field that leads to a subscription, on each kind of operation. */
const ROOT = { query: 'subscription(id: "x")', subscription: "subscriptionStatusChanged" };

/** A document of so many levels. */
function nested(operation: Operation, depth: number): string {
  const levels = Array.from({ length: depth - 2 }, (_, at) => (at % 2 ? "subscription {" : "user {"));
  return `${operation} { ${ROOT[operation]} { ${levels.join(" ")} id ${"}".repeat(levels.length)} } }`;
}

/** The same through fragments, each of which is flat. */
function unfolded(operation: Operation, depth: number): string {
  const fragments = Array.from(
    { length: depth - 2 },
    (_, at) =>
      `fragment F${at} on ${at % 2 ? "User" : "UserSubscription"} { ${at % 2 ? "subscription" : "user"} { ${
        at === depth - 3 ? "id" : `...F${at + 1}`
      } } }`,
  );
  return `${operation} { ${ROOT[operation]} { ...F0 } } ${fragments.join(" ")}`;
}

describe.each(WAYS)("over %s", (_name, operation, ask) => {
  test.each([
    [200, nested],
    [100, unfolded],
  ])("a document of depth %p is refused (%p)", async (depth, write) => {
    const { data, errors } = await ask(write(operation, depth), token);
    expect(data ?? null).toBeNull();
    expect(errors).toEqual([
      expect.objectContaining({
        message: "This document is nested deeper than 15 levels.",
        extensions: { code: "GRAPHQL_VALIDATION_FAILED" },
      }),
    ]);
  });

  test.each([nested, unfolded])(
    "%p: the deepest that is allowed is answered, one more is not",
    async (write) => {
      expect((await ask(write(operation, LIMITS.depth), token)).errors).toBeUndefined();
      expect((await ask(write(operation, LIMITS.depth + 1), token)).errors).toHaveLength(1);
    },
  );

  test("a field asked under more names than allowed is refused", async () => {
    const again = Array.from({ length: LIMITS.aliases + 1 }, (_, at) => `f${at}: id`).join(" ");
    const { errors } = await ask(`${operation} { ${ROOT[operation]} { ${again} } }`, token);
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(["GRAPHQL_VALIDATION_FAILED"]);
  });

  test("a field asked again and again is compared with none of the others", async () => {
    const asking = (times: number) => `${operation} { ${ROOT[operation]} { ${"id ".repeat(times)} } }`;
    expect((await ask(asking(LIMITS.repeats + 1), token)).errors).toBeUndefined();
    const { errors } = await ask(asking(LIMITS.repeats + 2), token);
    expect(errors).toMatchObject([
      {
        message: "This document asks for fields again more than 50 times.",
        extensions: { code: "GRAPHQL_VALIDATION_FAILED" },
      },
    ]);
  });

  test("a document that is too long is not read to its end", async () => {
    const long = `${operation} { ${ROOT[operation]} { ${"id ".repeat(LIMITS.tokens)} } }`;
    const { errors } = await ask(long, token);
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(["GRAPHQL_PARSE_FAILED"]);
  });

  test("a document that may answer with more objects than allowed is refused, with both figures", async () => {
    const nodes = (first: number | string) => `payments(first: ${first}) { nodes { id } }`;
    const many = Array.from({ length: 3 }, (_, at) => `p${at}: ${nodes(100)}`).join(" ");
    const field = { query: "node: subscriptionStatus", subscription: ROOT.subscription }[operation];
    const within = (pages: string) => `${operation} { ${field} { user { ${pages} } } }`;
    expect((await ask(within(many), token)).errors).toBeUndefined();
    const nested = within(`payments(first: 100) { nodes { user { ${nodes(100)} } } }`);
    for (const time of ["first", "second"]) {
      const { data, errors } = await ask(nested, token);
      expect([time, data ?? null]).toEqual([time, null]);
      expect(errors).toMatchObject([
        {
          message: expect.stringContaining("10303 objects, 10000 at most"),
          extensions: { code: "GRAPHQL_VALIDATION_FAILED", cost: 10_303, limit: 10_000 },
        },
      ]);
    }
  });

  test("a field that the caller may not have is refused", async () => {
    const fields = { query: "payments", subscription: "paymentEvents" };
    const selection = { query: "{ totalCount }", subscription: "{ id }" }[operation];
    const document = `${operation} { ${fields[operation]}(userId: "somebody-else") ${selection} }`;
    const other = await ask(document, token);
    expect(other.errors).toMatchObject([
      { message: "This belongs to another user.", extensions: { code: "FORBIDDEN" } },
    ]);
    expect((await ask(document)).errors).toMatchObject([
      { message: "Sign in first: this needs a valid token.", extensions: { code: "UNAUTHENTICATED" } },
    ]);
  });

  test("a resolver that throws is masked, and logged in full under the id that is told", async () => {
    const execute = (sql: string) => service.app.parts.orm.em.fork().execute(sql);
    await execute("alter table subscriptions rename to subscriptions_away");
    try {
      const root = { query: "subscriptionStatus", subscription: "subscriptionStatusChanged" }[operation];
      const { errors } = await ask(`${operation} { ${root} { id } }`, token);
      expect(errors).toMatchObject([
        {
          message: "Something went wrong on our side. Name the request id when you report it.",
          extensions: { code: "INTERNAL_SERVER_ERROR", requestId: expect.any(String) },
        },
      ]);
      const requestId = (errors?.[0]?.extensions as { requestId?: string } | undefined)?.requestId;
      expect(lines.find((line) => line.requestId === requestId)?.err).toMatchObject({
        message: expect.stringContaining('"subscriptions" does not exist'),
      });
    } finally {
      await execute("alter table subscriptions_away rename to subscriptions");
    }
  });
});

test("what development tools ask of a schema is within the limits", async () => {
  const { getIntrospectionQuery } = await import("graphql");
  const { errors } = await service.ask(getIntrospectionQuery({ inputValueDeprecation: true, oneOf: false }));
  expect(errors).toBeUndefined();
});

describe("what the schema is made of", () => {
  let production: App;
  let url: string;
  beforeAll(async () => {
    const { config } = service;
    production = await createApp({ ...config, nodeEnv: "production", port: 0, worker: "off" }, { logger });
    ({ url } = await production.start());
  });
  afterAll(() => production.stop());

  const SCHEMA_QUESTIONS: [string, string][] = [
    ["introspection", "{ __schema { queryType { name } } }"],
    ["a type", '{ __type(name: "Plan") { name } }'],
    [
      "within a fragment",
      "query { ...F } fragment F on Query { ... on Query { __schema { queryType { name } } } }",
    ],
    ["beside something else", "{ plans { id } hidden: __schema { queryType { name } } }"],
    ["the SDL", "{ _service { sdl } }"],
    ["the SDL beside something else", "{ plans { id } again: _service { sdl } }"],
  ];
  const askWith = async (at: string, query: string, headers: Record<string, string>) => {
    const response = await fetch(`${at}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ query }),
    });
    return (await response.json()) as Answer;
  };
  const bearer = async (...roles: string[]) => ({
    authorization: `Bearer ${await service.token(newUser(), ...roles)}`,
  });

  test.each(SCHEMA_QUESTIONS)("%s is for staff and the router in production", async (_name, query) => {
    const wrong = { "router-secret": "not the secret, but as long" };
    for (const headers of [{}, await bearer(), { authorization: "Bearer forged" }, wrong]) {
      const { data, errors } = await askWith(url, query, headers);
      expect(data ?? null).toBeNull();
      expect(errors?.map(({ extensions }) => extensions.code)).toEqual(["FORBIDDEN"]);
    }
    const asRouter = { "router-secret": service.config.routerSecret as string };
    // the second time a query is answered in front of Apollo Server
    for (const headers of [
      await bearer("admin"),
      await bearer("service"),
      asRouter,
      asRouter,
      await bearer("admin"),
    ])
      expect((await askWith(url, query, headers)).errors).toBeUndefined();
    expect((await askWith(url, query, {})).errors).toHaveLength(1);
    expect((await askWith(service.url, query, {})).errors).toBeUndefined();
  });

  test.each(WAYS.slice(1))("no question over %s leads to it, for nobody", async (_name, _operation, ask) => {
    const admin = await service.token(newUser(), "admin");
    const documents = [
      ...SCHEMA_QUESTIONS.map(([, query]) => query),
      "subscription { __schema { queryType { name } } }",
      "subscription { _service { sdl } }",
    ];
    for (const document of documents) {
      const { data, errors = [] } = await ask(document, admin);
      expect([data ?? null, errors.length > 0]).toEqual([null, true]);
    }
  });

  test("nobody is told which name was meant, but in development", async () => {
    const asRouter = { "router-secret": service.config.routerSecret as string };
    const guesses = [
      "{ planz { id } }",
      '{ accessTo(resourceType: COURS, resourceId: "x") { granted } }',
      'mutation { redeemPromotion(input: { cod: "x" }) { id } }',
    ];
    for (const query of guesses) {
      expect(JSON.stringify(await askWith(url, query, asRouter))).not.toContain("Did you mean");
      expect(JSON.stringify(await askWith(service.url, query, {}))).toContain("Did you mean");
    }
    const misfit =
      'query ($type: PurchasableType!) { accessTo(resourceType: $type, resourceId: "x") { granted } }';
    for (const at of [url, url, service.url]) {
      const { errors } = await askAt(at, misfit, { type: "COURS" });
      expect(errors?.[0]?.extensions.code).toBe("BAD_USER_INPUT");
      expect(errors?.[0]?.message.includes("Did you mean")).toBe(at === service.url);
    }
    const { WebSocket: overWebSocket, "server-sent events": overSse } = liveTransports(() => router);
    for (const open of [overWebSocket, overSse]) {
      const document = "subscription { accessChange { id } }";
      const hidden = await first(open?.(service, document, { url }) as never);
      expect(hidden.errors?.[0]?.message).toBe('Cannot query field "accessChange" on type "Subscription".');
      const shown = await first(open?.(service, document, {}) as never);
      expect(shown.errors?.[0]?.message).toContain("Did you mean");
    }
    const rest = await fetch(`${url}/subscriptions/create`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(await bearer()) },
      body: JSON.stringify({ planid: "x" }),
    });
    const { detail } = (await rest.json()) as { detail: string };
    expect([rest.status, detail.includes("Did you mean")]).toEqual([400, false]);
  });

  test("people who open the address in a browser see no explorer in production", async () => {
    const { headers } = await fetch(`${url}/graphql`, { headers: { accept: "text/html" } });
    expect(headers.get("content-type")).not.toContain("text/html");
  });
});

test("pages are as long as variables say, also of a query that was answered before", async () => {
  const query = `query ($first: Int!) {
    payments(first: $first) { nodes { user { payments(first: $first) { nodes { id } } } } } }`;
  const codes = async (variables: object) =>
    (await service.ask(query, variables, token)).errors?.map(({ extensions }) => extensions.code);
  for (const _ of ["in Apollo Server", "in front of it"]) {
    expect(await codes({ first: 20 })).toBeUndefined();
    expect(await codes({ first: 100 })).toEqual(["GRAPHQL_VALIDATION_FAILED"]);
    // what no page can be is refused by the page
    expect(await codes({ first: "many" })).toEqual(["BAD_USER_INPUT"]);
  }
});

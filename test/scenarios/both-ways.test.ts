import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { type GraphQLObjectType, getNamedType, isLeafType } from "graphql";
import { signToken } from "../../src/auth/token.ts";
import { declaredSchema } from "../../src/schema.ts";
import { BRIEF_FIELDS } from "../../src/services/brief-subscriptions.ts";
import { newLearner } from "../support/learner.ts";
import { eventually, newUser, startReplica, startService, type TestService } from "../support/service.ts";

// A query that was validated before is answered in front of Express and Apollo Server. Nobody can tell, but by the time
// that it takes: every request here is sent to two replicas, of which one knows no other way than through them.

type Headers = Record<string, string>;
interface Sent {
  /** An object is sent as JSON. */
  body?: unknown;
  headers?: Headers;
  method?: string;
  path?: string;
}
interface Received {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
  body: any;
}

let service: TestService;
let behind: Awaited<ReturnType<typeof startReplica>>;
let ada: Awaited<ReturnType<typeof newLearner>>;
const tokens: Headers = {};
const schema = declaredSchema();

beforeAll(async () => {
  service = await startService();
  behind = await startReplica(service, { WORKER: "off" }, { fastPath: false });
  ada = await newLearner(service);
  await ada.subscribe();
  const { jwt } = service.config;
  Object.assign(tokens, {
    ada: ada.token,
    bob: await service.token(newUser()),
    service: await service.token("course-service", "service"),
    expired: await signToken(jwt, { sub: ada.userId }, "-1h"),
    forged: await signToken({ secret: "another secret, of the same length or so" }, { sub: ada.userId }),
  });
});
afterAll(async () => {
  await behind?.app.stop();
  await service.stop();
});

const PLANS = "{ plans { id name price { amount currency } features { key limit } } }";
const ENTITIES = `query ($r: [_Any!]!) { _entities(representations: $r) { __typename
  ... on User { id subscription { status plan { name } } }
  ... on Course { id viewerAccess { granted source expiresAt } }
  ... on UserSubscription { id status } } }`;
const DECISION = `query ($type: PurchasableType!, $id: ID! = "any") {
  accessTo(resourceType: $type, resourceId: $id) { granted } }`;

const JSON_TYPE = { "content-type": "application/json" };

const bearer = (name: string): Headers => ({ authorization: `Bearer ${tokens[name]}` });

async function send(
  url: string,
  { body, headers = {}, method = "POST", path = "" }: Sent,
): Promise<Received> {
  const isPlain = typeof body === "string" || body instanceof Uint8Array || body instanceof ReadableStream;
  const response = await fetch(`${url}/graphql${path}`, {
    method,
    headers: { ...(body !== undefined && JSON_TYPE), "x-request-id": "of-the-router", ...headers },
    ...(body !== undefined && { body: isPlain ? (body as string) : JSON.stringify(body) }),
    ...(body instanceof ReadableStream && ({ duplex: "half" } as object)),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: text.startsWith("{") ? JSON.parse(text) : text,
  };
}

/** All that does not differ by the moment; Express alone adds an `etag`, which nobody asks for with POST. */
function compared({ status, headers, body }: Received) {
  const { date: _date, etag: _etag, ...others } = headers;
  return { status, headers: others, body };
}

/** The same answer of both ways, to a document that both have seen before. */
async function both(make: () => Sent, isFast: boolean): Promise<Received> {
  await send(service.url, make());
  await send(behind.url, make());
  const front = await send(service.url, make());
  const back = await send(behind.url, make());
  expect(compared(front)).toEqual(compared(back));
  // who has answered: an answer of Express's has an etag
  expect({ isFast: front.headers.etag === undefined, back: back.headers.etag !== undefined }).toEqual({
    isFast,
    back: true,
  });
  return front;
}

const entities = (...r: object[]) => ({ query: ENTITIES, variables: { r } });
const codesOf = ({ body }: Received) =>
  (body.errors ?? []).map((error: { extensions: { code: string }; path?: string[] }) => [
    error.extensions.code,
    error.path?.join("."),
  ]);

describe("a query is answered in front, and as Apollo Server answers it:", () => {
  test("a public one, which caches may keep", async () => {
    const { status, headers, body } = await both(() => ({ body: { query: PLANS } }), true);
    expect({ status, cache: headers["cache-control"], type: headers["content-type"] }).toEqual({
      ...{ status: 200, cache: "public, max-age=60", type: "application/json; charset=utf-8" },
    });
    expect(body.data.plans).toHaveLength(4);
  });

  test("but not when it comes with a token", async () => {
    const { headers } = await both(() => ({ body: { query: PLANS }, headers: bearer("ada") }), true);
    expect(headers["cache-control"]).toBe("no-store");
  });

  test("with the security headers, and the id that the router gave", async () => {
    const { headers } = await both(() => ({ body: { query: PLANS } }), true);
    expect(headers).toMatchObject({
      "x-request-id": "of-the-router",
      "x-content-type-options": "nosniff",
      "x-frame-options": "SAMEORIGIN",
      "strict-transport-security": expect.stringContaining("max-age"),
      "content-security-policy": expect.stringContaining("default-src 'self'"),
    });
    const { headers: own } = await send(service.url, {
      ...{ body: { query: PLANS }, headers: { "x-request-id": "no good id" } },
    });
    expect(own["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
  });

  test.each([
    ["application/graphql-response+json", "application/graphql-response+json; charset=utf-8"],
    [
      "application/json;q=0.5, application/graphql-response+json",
      "application/graphql-response+json; charset=utf-8",
    ],
    ["*/*", "application/json; charset=utf-8"],
    ["multipart/mixed;deferSpec=20220824, application/json", "application/json; charset=utf-8"],
  ])("in the type that %s asks for", async (accept, type) => {
    const { headers } = await both(() => ({ body: { query: PLANS }, headers: { accept } }), true);
    expect(headers["content-type"]).toBe(type);
  });

  test("to the page of an origin that is configured, and of no other", async () => {
    const from = (origin: string) => () => ({ body: { query: PLANS }, headers: { origin } });
    const ours = await both(from("https://learn.example.com"), true);
    expect(ours.headers["access-control-allow-origin"]).toBe("https://learn.example.com");
    const theirs = await both(from("https://evil.example.com"), false);
    expect(theirs.headers["access-control-allow-origin"]).toBeUndefined();
  });

  test("entities of several kinds, some of them none", async () => {
    const { id } = await ada.subscription();
    const asked = entities(
      { __typename: "Course", id: "go" },
      { __typename: "User", id: ada.userId },
      { __typename: "UserSubscription", id },
      { __typename: "UserSubscription", id: "01a215e9-4320-71b2-8675-b6313ab0aa12" },
      { __typename: "User", id: "" },
    );
    const { body } = await both(() => ({ body: asked, headers: bearer("ada") }), true);
    expect(body.data._entities).toMatchObject([
      { __typename: "Course", viewerAccess: { granted: true, source: "SUBSCRIPTION" } },
      { __typename: "User", subscription: { status: "ACTIVE", plan: { name: "Premium" } } },
      { __typename: "UserSubscription", id, status: "ACTIVE" },
      null,
      null,
    ]);
  });

  test("each field of a user's subscription, for whose sake more of it may have to be read", async () => {
    const fields = Object.values((schema.getType("UserSubscription") as GraphQLObjectType).getFields());
    for (const { name, type } of fields) {
      const inner = isLeafType(getNamedType(type)) ? "" : "{ __typename }";
      const query = `query ($r: [_Any!]!) { _entities(representations: $r) {
        ... on User { subscription { id ${name} ${inner} } } } }`;
      const variables = { r: [{ __typename: "User", id: ada.userId }] };
      const { body } = await both(() => ({ body: { query, variables }, headers: bearer("ada") }), true);
      expect(body.data._entities[0].subscription[name]).not.toBeUndefined();
    }
    const names = fields.map((field) => field.name);
    expect(names).toEqual(expect.arrayContaining(BRIEF_FIELDS.filter((name) => name !== "__typename")));
  });

  test("a reference that is refused beside others that are not, each at its place", async () => {
    const { id } = await ada.subscription();
    const mixed = entities(
      { __typename: "UserSubscription", id },
      { __typename: "UserSubscription" },
      { __typename: "User", id: ada.userId },
      { __typename: "Course", id: "go" },
      { __typename: "UserSubscription", id: null },
    );
    const bad = await both(() => ({ body: mixed, headers: bearer("ada") }), true);
    expect(bad.body.data._entities.map((one: object | null) => one && Object.keys(one).length)).toEqual([
      ...[3, null, 3, 3, null],
    ]);
    expect(codesOf(bad)).toEqual([
      ["BAD_USER_INPUT", "_entities.1"],
      ["BAD_USER_INPUT", "_entities.4"],
    ]);
  });

  test.each([
    ["anonymous", {}, "UNAUTHENTICATED"],
    ["with a forged token", { authorization: "Bearer forged" }, "UNAUTHENTICATED"],
    ["with one that is over", "expired", "UNAUTHENTICATED"],
    ["with one of another secret", "forged", "UNAUTHENTICATED"],
    ["as somebody else", "bob", "FORBIDDEN"],
  ])("a private field %s", async (_who, by, code) => {
    const headers = typeof by === "string" ? bearer(by) : (by as Headers);
    const about = entities({ __typename: "User", id: ada.userId });
    const refused = await both(() => ({ body: about, headers }), true);
    expect(refused.status).toBe(200);
    expect(codesOf(refused)).toEqual([[code, "_entities.0.subscription"]]);
    expect(refused.body.data._entities).toEqual([{ __typename: "User", id: ada.userId, subscription: null }]);
    expect(refused.headers["cache-control"]).toBe("no-store");
  });

  test("to a token with and without the word Bearer", async () => {
    for (const authorization of [`bearer ${tokens.ada}`, tokens.ada as string]) {
      const about = entities({ __typename: "User", id: ada.userId });
      const { body } = await both(() => ({ body: about, headers: { authorization } }), true);
      expect(body.data._entities[0].subscription.status).toBe("ACTIVE");
    }
  });

  test.each<[string, object]>([
    ["of another type", { type: "COURSE", id: {} }],
    ["that is no word of the enum", { type: "LESSON" }],
    ["that is missing", {}],
    ["that is null", { type: null }],
  ])("a variable %s", async (_what, variables) => {
    const refused = await both(
      () => ({ body: { query: DECISION, variables }, headers: bearer("ada") }),
      true,
    );
    expect(refused.status).toBe(400);
    expect(refused.body).toEqual({ errors: [expect.objectContaining({ locations: expect.anything() })] });
    expect(codesOf(refused)).toEqual([["BAD_USER_INPUT", undefined]]);
  });

  test("an argument that is refused when it is read", async () => {
    const variables = { type: "COURSE", id: "\n" };
    const asked = { query: DECISION, variables };
    const refused = await both(() => ({ body: asked, headers: bearer("ada") }), true);
    expect(refused.body).toMatchObject({ data: null, errors: [{ path: ["accessTo"] }] });
    const query = "query ($f: Int) { payments(first: $f) { totalCount } }";
    const misfit = await both(
      () => ({ body: { query, variables: { f: null } }, headers: bearer("ada") }),
      true,
    );
    expect(misfit.body.errors[0].extensions).toEqual({ code: "BAD_USER_INPUT", field: "first" });
  });

  test("a fault of ours, masked under the request's id", async () => {
    const em = service.app.parts.orm.em.fork();
    const asked = () => ({ body: { query: "{ userAccess { id } }" }, headers: bearer("ada") });
    await both(asked, true);
    await em.execute("alter table user_access rename to user_access_away");
    try {
      const { body, status } = await both(asked, true);
      expect({ status, body }).toEqual({
        status: 200,
        body: {
          errors: [
            {
              message: expect.stringContaining("our side"),
              locations: [{ line: 1, column: 3 }],
              path: ["userAccess"],
              extensions: { code: "INTERNAL_SERVER_ERROR", requestId: "of-the-router" },
            },
          ],
          data: null,
        },
      });
    } finally {
      await em.execute("alter table user_access_away rename to user_access");
    }
  });

  test.each([
    [
      "directives",
      `query ($w: Boolean!) { plans { id @skip(if: $w) ...on Plan @include(if: $w) { name } } }`,
    ],
    [
      "strings",
      `query ($w: Boolean = true) { plan(id: "01a215e9-4320-71b2-8675-b6313ab0aa12") { name } ${""}
      plans(includeInactive: false) { w: viewerTrialDays } q: plans(includeInactive: $w) { id } }`,
    ],
    [
      "other names",
      "query Named($w: Boolean) { __typename a: plans { __proto__: name } b: plans { toString: name } }",
    ],
    [
      "fragments",
      `query ($w: Boolean) { plans { ...a ...b price { ...m } monthlyPrice { ...m currency } } }
      fragment a on Plan { id ...b } fragment b on Plan { tier } fragment m on MonetaryAmount { amount }`,
    ],
  ])("one with %s", async (_what, query) => {
    const body = { query: query.replace("($w: Boolean) ", " "), variables: { w: true } };
    await both(() => ({ body, headers: bearer("ada") }), true);
  });

  test("by its name, when that is its name", async () => {
    const query = `query Plans ${PLANS}`;
    await both(() => ({ body: { query, operationName: "Plans" } }), true);
    await both(() => ({ body: { query, operationName: null, variables: null, extensions: null } }), true);
    const other = await both(() => ({ body: { query, operationName: "Others" } }), false);
    expect(codesOf(other)).toEqual([["OPERATION_RESOLUTION_FAILURE", undefined]]);
  });
});

describe("what is unusual goes the long way, as if nobody had looked at it:", () => {
  const query = PLANS;
  test.each<[string, () => Sent, number, string | undefined]>([
    ["a batch", () => ({ body: [{ query }] }), 400, "BAD_REQUEST"],
    ["nothing", () => ({ body: "" }), 400, "BAD_REQUEST"],
    ["an empty object", () => ({ body: {} }), 400, "BAD_REQUEST"],
    ["no JSON", () => ({ body: `{"query":"${query}"` }), 400, undefined],
    ["a number", () => ({ body: "1" }), 400, undefined],
    ["too much", () => ({ body: { query, more: "x".repeat(300_000) } }), 413, undefined],
    ["a document that is none", () => ({ body: { query: "{ plans {" } }), 400, "GRAPHQL_PARSE_FAILED"],
    ["an unknown field", () => ({ body: { query: "{ plans { no } }" } }), 400, "GRAPHQL_VALIDATION_FAILED"],
    ["variables as text", () => ({ body: { query, variables: "{}" } }), 400, "BAD_REQUEST"],
    ["a name that is none", () => ({ body: { query, operationName: 1 } }), 400, "BAD_REQUEST"],
    [
      "a query that wants to be called back",
      () => ({
        ...{ headers: bearer("ada") },
        body: { query, extensions: { subscription: { callbackUrl: "http://127.0.0.1:9/" } } },
      }),
      400,
      "BAD_USER_INPUT",
    ],
    ["an extension", () => ({ body: { query, extensions: { tracing: {} } } }), 200, undefined],
    [
      "a type that a form could send",
      () => ({ body: { query }, headers: { "content-type": "text/plain" } }),
      400,
      "BAD_REQUEST",
    ],
    [
      "UTF-16",
      () => ({ body: { query }, headers: { "content-type": "application/json; charset=utf-16" } }),
      400,
      undefined,
    ],
    [
      "a packed body",
      () => ({ body: gzipSync(JSON.stringify({ query })), headers: { "content-encoding": "gzip" } }),
      200,
      undefined,
    ],
    ["a body in pieces", () => ({ body: new Blob([JSON.stringify({ query })]).stream() }), 200, undefined],
    [
      "an answer that nobody accepts",
      () => ({ body: { query }, headers: { accept: "image/png" } }),
      406,
      "BAD_REQUEST",
    ],
    ["GET without a preflight", () => ({ method: "GET", path: `?query=${query}` }), 400, "BAD_REQUEST"],
    [
      "GET",
      () => ({ method: "GET", path: `?query=${query}`, headers: { "apollo-require-preflight": "1" } }),
      200,
      undefined,
    ],
    ["a query in the address", () => ({ body: { query }, path: "?a=b" }), 200, undefined],
    ["PUT", () => ({ body: { query }, method: "PUT" }), 405, "BAD_REQUEST"],
    ["introspection", () => ({ body: { query: "{ __schema { queryType { name } } }" } }), 200, undefined],
    [
      "two operations",
      () => ({ body: { query: `query A { plans { id } } query B ${PLANS}`, operationName: "B" } }),
      200,
      undefined,
    ],
    [
      "a mutation",
      () => ({ body: { query: 'mutation { confirmCheckout(sessionId: "cs_1") { isPaid } }' } }),
      200,
      "UNAUTHENTICATED",
    ],
    [
      "a live subscription",
      () => ({ body: { query: "subscription { subscriptionStatusChanged { id } }" } }),
      400,
      "BAD_USER_INPUT",
    ],
  ])("%s", async (_what, make, status, code) => {
    const answer = await both(make, false);
    expect({ status: answer.status, code: codesOf(answer)[0]?.[0] }).toEqual({ status, code });
  });
});

test("more references than a page can have are refused, as many as that are not", async () => {
  const asked = (count: number) =>
    entities(...Array.from({ length: count }, (_, at) => ({ __typename: "Course", id: `course-${at}` })));
  const refused = await both(() => ({ body: asked(1_001) }), true);
  expect(refused.body.data).toBeNull();
  expect(refused.body.errors).toEqual([
    expect.objectContaining({
      message: expect.stringContaining("1000"),
      extensions: { code: "BAD_USER_INPUT", field: "representations" },
    }),
  ]);
  expect((await both(() => ({ body: asked(1_000) }), true)).body.data._entities).toHaveLength(1_000);
});

describe("automatic persisted queries", () => {
  const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");
  const persisted = (sha256Hash: unknown, query?: string, version = 1) => ({
    body: { query, extensions: { persistedQuery: { version, sha256Hash } } },
  });
  let count = 0;
  const newQuery = () => `query Q${count++} { plans { name } }`;

  test("a hash is unknown, then taught, then enough", async () => {
    const query = newQuery();
    for (const url of [service.url, behind.url]) {
      const unknown = await send(url, persisted(hashOf(query)));
      expect(codesOf(unknown)).toEqual([["PERSISTED_QUERY_NOT_FOUND", undefined]]);
      expect(unknown).toMatchObject({
        ...{ status: 200, headers: { "cache-control": "no-store" } },
        body: { errors: [{ message: "PersistedQueryNotFound" }] },
      });
      expect((await send(url, persisted(hashOf(query), query))).body.data.plans).toHaveLength(4);
    }
    const known = await both(() => persisted(hashOf(query)), true);
    expect(known.body.data.plans).toHaveLength(4);
    await both(() => persisted(hashOf(query), query), true);
  });

  test("a hash of another text is refused, also when both are known", async () => {
    const [query, other] = [newQuery(), newQuery()];
    await both(() => ({ body: { query } }), true);
    await both(() => ({ body: { query: other } }), true);
    const refused = await both(() => persisted(hashOf(other), query), false);
    expect(refused).toMatchObject({
      status: 400,
      body: {
        errors: [{ message: "provided sha does not match query", extensions: { code: "BAD_USER_INPUT" } }],
      },
    });
  });

  test("another version, and what is no hash, are refused", async () => {
    const query = newQuery();
    await both(() => ({ body: { query } }), true);
    expect((await both(() => persisted(hashOf(query), query, 2), false)).status).toBe(400);
    expect((await both(() => persisted(7, query), false)).status).toBe(400);
  });
});

test("variables within a reference that is written in the document are heard of", async () => {
  const query = `query ($t: String!, $id: ID!) {
    _entities(representations: [{ __typename: $t, id: $id }]) { __typename ... on Course { id } } }`;
  const asked = () => ({ body: { query, variables: { t: "Course", id: "c1" } }, headers: bearer("ada") });
  await both(asked, true);
  expect(JSON.stringify((await both(asked, true)).body)).toContain('"c1"');
});

test("both ways are measured alike", async () => {
  const seriesOf = async (url: string) => {
    const text = await (await fetch(`${url}/metrics`)).text();
    const read = (series: string) =>
      Number(
        text
          .split("\n")
          .find((line) => line.startsWith(`${series} `))
          ?.slice(series.length + 1) ?? 0,
      );
    return [
      read('http_request_duration_seconds_count{method="POST",route="/graphql",status="200"}'),
      read('graphql_operation_duration_seconds_count{operation="{userAccess}",type="query",outcome="ok"}'),
      read('graphql_operation_duration_seconds_count{operation="{userAccess}",type="query",outcome="error"}'),
      read('graphql_errors_total{code="UNAUTHENTICATED",transport="http"}'),
    ];
  };
  const query = "{ userAccess { id } plans { id } }";
  for (const url of [service.url, behind.url]) {
    await send(url, { body: { query } });
    const before = await seriesOf(url);
    await send(url, { body: { query } });
    await send(url, { body: { query }, headers: bearer("ada") });
    const after = await seriesOf(url);
    expect(after.map((value, at) => value - (before[at] as number))).toEqual([2, 1, 1, 1]);
  }
});

test("a token that ends while it is remembered is over at once", async () => {
  const { rememberedCallers } = await import("../../src/auth/token.ts");
  const { jwt } = service.config;
  const callers = rememberedCallers(jwt);
  // of the 30 seconds that clocks may differ by, one is left
  const header = await signToken(jwt, { sub: "ada" }, "-29s");
  const first = await callers(header);
  expect(first.isKnown).toBe(true);
  expect(callers(header)).toBe(first);
  await eventually(
    () => Date.now(),
    (now) => now >= Number(first.expiresAt),
    5_000,
    5,
  );
  expect((await callers(header)).isUntrusted).toBe(true);
});

import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { signToken } from "../../src/auth/token.ts";
import {
  type BothWays,
  codesOf,
  entities,
  PLANS,
  type Sent,
  send,
  startBothWays,
} from "../support/both-ways.ts";
import { eventually } from "../support/service.ts";

let ways: BothWays;
beforeAll(async () => {
  ways = await startBothWays();
});
afterAll(() => ways?.stop());
const both: BothWays["both"] = (make, isFast) => ways.both(make, isFast);
const bearer = (name: string) => ways.bearer(name);

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
    for (const url of [ways.service.url, ways.behind.url]) {
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
  for (const url of [ways.service.url, ways.behind.url]) {
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
  const { jwt } = ways.service.config;
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

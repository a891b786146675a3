import { recordLogs, watchConsole } from "../support/logs.ts";
import { type Answer, newUser, startService, type TestService } from "../support/service.ts";

let service: TestService;
let token: string;
const { logger, lines } = recordLogs();
const console = watchConsole();
beforeAll(async () => {
  service = await startService({ overrides: { logger } });
  token = await service.token(newUser());
});
afterAll(async () => {
  await service.stop();
  console.stop();
});
beforeEach(() => void lines.splice(0));

const ERROR = 50;
const post = async (body: string, headers: Record<string, string> = {}) => {
  const response = await fetch(`${service.url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
const requestIdOf = (errors: Answer["errors"]) =>
  (errors?.[0]?.extensions as { requestId?: string } | undefined)?.requestId;
const ENTITIES = "query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }";
const deep = (depth: number) =>
  `{ subscriptionStatus { ${"user { subscription { ".repeat(depth)}id${" } }".repeat(depth)} } }`;

test("a live subscription over HTTP is told where it belongs", async () => {
  const { status, body } = await post(
    JSON.stringify({ query: "subscription { subscriptionStatusChanged { id } }" }),
    { authorization: `Bearer ${token}` },
  );
  expect({ status, errors: body.errors }).toEqual({
    status: 400,
    errors: [
      {
        message: expect.stringContaining("WebSocket"),
        extensions: { code: "BAD_USER_INPUT" },
      },
    ],
  });
  expect(lines.filter(({ level }) => level >= ERROR)).toEqual([]);
});

describe("what the client got wrong is BAD_USER_INPUT and no error of ours", () => {
  test.each<[string, string, object, string]>([
    [
      "null for an argument that has a default",
      "query ($f: Int) { payments(first: $f) { totalCount } }",
      { f: null },
      "first",
    ],
    ["a reference to a type that is none", ENTITIES, { r: [{ __typename: "Nothing" }] }, "representations"],
    ["a reference to a type without a key", ENTITIES, { r: [{ __typename: "Money" }] }, "representations"],
    ["a reference without a type", ENTITIES, { r: [{ id: "1" }] }, "representations"],
    ["a reference that is no object", ENTITIES, { r: ["UserSubscription"] }, "representations"],
    ["a reference without its key", ENTITIES, { r: [{ __typename: "UserSubscription" }] }, "representations"],
    ["a reference to a user without its key", ENTITIES, { r: [{ __typename: "User" }] }, "representations"],
    [
      "a reference whose key is no id",
      ENTITIES,
      { r: [{ __typename: "UserSubscription", id: { $ne: null } }] },
      "representations",
    ],
  ])("%s", async (_name, query, variables, field) => {
    const { errors } = await service.ask(query, variables, token);
    expect(errors?.map(({ extensions }) => extensions)).toEqual([{ code: "BAD_USER_INPUT", field }]);
    expect(lines.filter(({ level }) => level >= ERROR)).toEqual([]);
  });

  test("a reference without its key spoils no other's answer", async () => {
    const { data } = await service.ask(
      ENTITIES,
      { r: [{ __typename: "UserSubscription" }, { __typename: "User", id: "ada" }] },
      token,
    );
    expect(data._entities).toEqual([null, { __typename: "User" }]);
  });
});

test("an error that is masked names the request that its log line carries", async () => {
  const { em } = service.app.parts.orm;
  const fork = em.fork.bind(em);
  em.fork = () => {
    throw new Error("a fault of ours, with a secret in it");
  };
  try {
    const { errors } = await service.ask("{ userAccess { id } }", {}, token);
    expect(JSON.stringify(errors)).not.toContain("secret");
    expect(errors?.map(({ extensions }) => extensions)).toEqual([
      { code: "INTERNAL_SERVER_ERROR", requestId: expect.any(String) },
    ]);
    const logged = lines.filter(({ level }) => level >= ERROR);
    expect(logged).toEqual([expect.objectContaining({ requestId: requestIdOf(errors) })]);
  } finally {
    em.fork = fork;
  }
});

describe("a body that cannot be read says why, with a code", () => {
  test.each<[string, string, Record<string, string>, number, string, RegExp]>([
    ["too large", `{"query":"${"x".repeat(300_000)}"}`, {}, 413, "PAYLOAD_TOO_LARGE", /256 kB/],
    ["no JSON", "{ plans { name } }", {}, 400, "BAD_USER_INPUT", /JSON/],
    ["of an unknown encoding", "{}", { "content-encoding": "rot13" }, 415, "BAD_USER_INPUT", /encoding/],
    [
      "of an unknown character set",
      "{}",
      { "content-type": "application/json; charset=klingon" },
      415,
      "BAD_USER_INPUT",
      /UTF-8/,
    ],
  ])("%s", async (_name, sent, headers, status, code, words) => {
    expect(await post(sent, headers)).toEqual({
      status,
      body: { code, error: expect.stringMatching(words) },
    });
  });
});

test("nothing is at another address, and that has a code as well", async () => {
  const response = await fetch(`${service.url}/nowhere`);
  expect([response.status, await response.json()]).toEqual([
    404,
    {
      ...{ type: "about:blank", title: "Not Found", status: 404 },
      ...{ code: "NOT_FOUND", detail: "There is no such address." },
    },
  ]);
  expect(response.headers.get("content-type")).toMatch("application/problem+json");
});

test("a return URL that is refused says which setting allows it", async () => {
  const { data } = await service.ask("{ plans { id name } }");
  const planId = data.plans.find(({ name }: { name: string }) => name === "Premium").id;
  const { errors } = await service.ask(
    "mutation ($input: CreateCheckoutSessionInput!) { createCheckoutSession(input: $input) { id } }",
    { input: { planId, successUrl: "https://elsewhere.example/", cancelUrl: "https://learn.example.com" } },
    token,
  );
  expect(errors?.[0]?.extensions).toEqual({ code: "BAD_USER_INPUT", field: "input.successUrl" });
  expect(errors?.[0]?.message).toMatch(/RETURN_URL_ORIGINS.*loopback.*development/);
});

test("a document of thousands of levels is refused, and prints nothing past the log", async () => {
  for (let depth = 500; depth <= 4_000; depth += 250) {
    const { errors } = await service.ask(deep(depth), {}, token);
    expect(errors?.[0]?.extensions).toEqual({ code: "GRAPHQL_PARSE_FAILED" });
  }
  expect(console.printed).toEqual([]);
});

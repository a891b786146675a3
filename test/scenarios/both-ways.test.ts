import { type GraphQLObjectType, getNamedType, isLeafType } from "graphql";
import { declaredSchema } from "../../src/schema.ts";
import { BRIEF_FIELDS } from "../../src/services/brief-subscriptions.ts";
import { type BothWays, codesOf, entities, PLANS, send, startBothWays } from "../support/both-ways.ts";

let ways: BothWays;
beforeAll(async () => {
  ways = await startBothWays();
});
afterAll(() => ways?.stop());
const both: BothWays["both"] = (make, isFast) => ways.both(make, isFast);
const bearer = (name: string) => ways.bearer(name);
const DECISION = `query ($type: PurchasableType!, $id: ID! = "any") {
  accessTo(resourceType: $type, resourceId: $id) { granted } }`;
const schema = declaredSchema();

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
    const { headers: own } = await send(ways.service.url, {
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
    const { id } = await ways.ada.subscription();
    const asked = entities(
      { __typename: "Course", id: "go" },
      { __typename: "User", id: ways.ada.userId },
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
      const variables = { r: [{ __typename: "User", id: ways.ada.userId }] };
      const { body } = await both(() => ({ body: { query, variables }, headers: bearer("ada") }), true);
      expect(body.data._entities[0].subscription[name]).not.toBeUndefined();
    }
    const names = fields.map((field) => field.name);
    expect(names).toEqual(expect.arrayContaining(BRIEF_FIELDS.filter((name) => name !== "__typename")));
  });

  test("a reference that is refused beside others that are not, each at its place", async () => {
    const { id } = await ways.ada.subscription();
    const mixed = entities(
      { __typename: "UserSubscription", id },
      { __typename: "UserSubscription" },
      { __typename: "User", id: ways.ada.userId },
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
    const headers = typeof by === "string" ? bearer(by) : (by as Record<string, string>);
    const about = entities({ __typename: "User", id: ways.ada.userId });
    const refused = await both(() => ({ body: about, headers }), true);
    expect(refused.status).toBe(200);
    expect(codesOf(refused)).toEqual([[code, "_entities.0.subscription"]]);
    expect(refused.body.data._entities).toEqual([
      { __typename: "User", id: ways.ada.userId, subscription: null },
    ]);
    expect(refused.headers["cache-control"]).toBe("no-store");
  });

  test("to a token with and without the word Bearer", async () => {
    for (const authorization of [`bearer ${ways.ada.token}`, ways.ada.token]) {
      const about = entities({ __typename: "User", id: ways.ada.userId });
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
    const em = ways.service.app.parts.orm.em.fork();
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

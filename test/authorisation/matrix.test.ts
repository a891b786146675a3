import { type GraphQLSchema, isIntrospectionType, isObjectType } from "graphql";
import { entityNames } from "../../src/schema.ts";
import { startService, type TestService } from "../support/service.ts";
import { FIELDS } from "./fields.ts";
import { MUTATIONS, OWN_MUTATIONS } from "./mutations.ts";
import { CALLERS, type CallerName, outcomeIn, REFUSALS } from "./outcomes.ts";
import { OWN_QUERIES, QUERIES } from "./queries.ts";
import { OWN_REFERENCES, REFERENCES } from "./references.ts";
import { OWN_SUBSCRIPTIONS, SUBSCRIPTIONS } from "./subscriptions.ts";
import {
  attempt,
  expectedOf,
  isStranger,
  type Line,
  linesOf,
  overHttp,
  overWebSocket,
  tried,
} from "./trying.ts";
import { type Operation, wayOf } from "./ways.ts";
import { createWorld, type World } from "./world.ts";
import { everythingKept } from "./writing.ts";

let service: TestService;
let schema: GraphQLSchema;
let world: World;
beforeAll(async () => {
  service = await startService({ env: { WORKER: "off" }, webhooks: false });
  schema = service.app.parts.schema;
  world = await createWorld(service);
});
afterAll(() => service.stop());

const both = (table: typeof QUERIES, own: typeof QUERIES) => [...linesOf(table), ...linesOf(own, true)];
const queries = both(QUERIES, OWN_QUERIES);
const references = both(REFERENCES, OWN_REFERENCES);
const subscriptions = both(SUBSCRIPTIONS, OWN_SUBSCRIPTIONS);
const mutations = both(MUTATIONS, OWN_MUTATIONS);
const named = (lines: Line[]) => lines.map((line) => [line.text, line] as const);

describe("what each caller is told over HTTP", () => {
  test.each(named(queries))("by %s", async (_text, line) => {
    const { found, expected, leaks } = await attempt(world, "query", line, overHttp);
    expect(found).toEqual(expected);
    expect(leaks).toEqual([]);
  });
});

describe("what a gateway is told for each caller", () => {
  test.each(named(references))("by %s", async (_text, line) => {
    const { found, expected, leaks } = await attempt(world, "query", line, overHttp);
    expect(found).toEqual(expected);
    expect(leaks).toEqual([]);
  });
});

test("a refused field of another user's entity leaves the rest of the answer alone", async () => {
  const query =
    "query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { id subscription { user { id } } } } }";
  const [owner, other] = [world.ids.owner, world.ids.other];
  const r = [owner, other].map((id) => ({ __typename: "User", id }));
  const { data, errors } = await service.ask(query, { r }, world.tokens.owner);
  expect(data._entities).toEqual([
    { id: owner, subscription: { user: { id: owner } } },
    { id: other, subscription: null },
  ]);
  expect(errors?.map(({ path, extensions }) => [path, extensions.code])).toEqual([
    [["_entities", 1, "subscription"], "FORBIDDEN"],
  ]);
});

describe("what each caller is told over WebSocket", () => {
  test.each(named(subscriptions))("by %s", async (_text, line) => {
    const { found, expected, leaks } = await attempt(world, "subscription", line, overWebSocket);
    expect(found).toEqual(expected);
    expect(leaks).toEqual([]);
  });
});

test("queries and mutations are taken over WebSocket from nobody", async () => {
  for (const caller of CALLERS)
    for (const document of [
      "{ subscriptionStatus { id } }",
      "mutation { createSetupIntent { clientSecret } }",
    ]) {
      const [answer] = await overWebSocket(world, document, caller);
      expect(answer?.errors?.map(({ extensions }) => extensions.code)).toEqual(["BAD_USER_INPUT"]);
    }
});

describe("what each caller may change", () => {
  /** Ends are tried where no query leads to them. */
  const lines = () => {
    const elsewhere = new Set(reading().map(({ way }) => way.type.name));
    return mutations.map((line) => ({
      ...line,
      isShallow: elsewhere.has(wayOf(schema, "mutation", line.text).type.name),
    }));
  };
  const refuses = ({ row }: Line, caller: CallerName) => REFUSALS.includes(outcomeIn(row, caller));

  // otherwise those that the reading was tried on are in the way of new ones
  beforeAll(() =>
    service.app.parts.orm.em
      .fork()
      .execute("update subscriptions set status = 'CANCELED' where status = 'PAST_DUE'"),
  );

  test("those who are refused change nothing, here or at Stripe", async () => {
    const before = await everythingKept(service);
    const found: Record<string, object> = {};
    const expected: Record<string, object> = {};
    for (const line of lines())
      for (const caller of CALLERS.filter((each) => refuses(line, each))) {
        const { outcomes, told } = await tried(world, ["mutation", line], caller, overHttp);
        found[`${line.text} by ${caller}`] = outcomes;
        expected[`${line.text} by ${caller}`] = expectedOf(
          line,
          wayOf(schema, "mutation", line.text),
          caller,
        );
        if (isStranger(caller)) expect(world.private.filter((secret) => told.includes(secret))).toEqual([]);
      }
    expect(found).toEqual(expected);
    expect(await everythingKept(service)).toEqual(before);
  });

  test.each(mutations.map(({ text }, at) => [text, at] as const))(
    "those who may reach %s",
    async (_text, at) => {
      const line = lines()[at] as Line;
      for (const caller of CALLERS.filter((each) => !refuses(line, each))) {
        const { outcomes } = await tried(world, ["mutation", line], caller, overHttp);
        expect([caller, outcomes]).toEqual([
          caller,
          expectedOf(line, wayOf(schema, "mutation", line.text), caller),
        ]);
      }
    },
  );
});

describe("the table", () => {
  const fieldsOf = (name: string) => {
    const type = schema.getType(name);
    return isObjectType(type) ? Object.keys(type.getFields()) : [];
  };
  const begunWith = (lines: Line[]) => [...new Set(lines.map(({ text }) => /^@?\w+/.exec(text)?.[0]))].sort();

  test("has a row for every query, mutation, subscription and reference there is, and for no other", () => {
    expect(begunWith(queries)).toEqual(
      fieldsOf("Query")
        .filter((name) => name !== "_entities")
        .sort(),
    );
    expect(begunWith(mutations)).toEqual(fieldsOf("Mutation").sort());
    expect(begunWith(subscriptions)).toEqual(fieldsOf("Subscription").sort());
    expect(begunWith(references)).toEqual(
      entityNames(schema)
        .map((name) => `@${name}`)
        .sort(),
    );
  });

  test("has a row for every field of every type, and for no other", () => {
    const roots = ["Query", "Mutation", "Subscription"];
    const types = Object.values(schema.getTypeMap()).filter(isObjectType);
    const own = types.filter((type) => !isIntrospectionType(type) && !roots.includes(type.name));
    const there = own.flatMap(({ name }) => fieldsOf(name).map((field) => `${name}.${field}`));
    const listed = Object.entries(FIELDS).flatMap(([name, fields]) =>
      Object.keys(fields).map((field) => `${name}.${field}`),
    );
    expect(listed.sort()).toEqual(there.sort());
  });

  test("tries every word that it has of a field", () => {
    const ways = [...reading(), ...mutations.map((line) => goes("mutation", line))];
    const tries = ways.flatMap(({ line, way }) =>
      CALLERS.flatMap((caller) =>
        Object.entries(expectedOf(line, way, caller)).map(([field, word]) => {
          const as = line.isOwn && caller === "other" ? "owner" : caller;
          return `${way.type.name}.${field} ${as}: ${word}`;
        }),
      ),
    );
    const words = Object.entries(FIELDS).flatMap(([type, fields]) =>
      Object.entries(fields).flatMap(([field, row]) =>
        CALLERS.map((caller) => `${type}.${field} ${caller}: ${outcomeIn(row, caller)}`),
      ),
    );
    const tried = new Set(tries);
    expect(words.filter((word) => !word.endsWith(": -") && !tried.has(word))).toEqual([]);
  });
});

const goes = (operation: Operation, line: Line) => ({ line, way: wayOf(schema, operation, line.text) });
const reading = () => [
  ...[...queries, ...references].map((line) => goes("query", line)),
  ...subscriptions.map((line) => goes("subscription", line)),
];

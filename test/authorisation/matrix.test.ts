import {
  buildSchema,
  type GraphQLObjectType,
  type GraphQLSchema,
  isIntrospectionType,
  isObjectType,
} from "graphql";
import { entityNames } from "../../src/schema.ts";
import { startRouter, type TestRouter } from "../support/router.ts";
import { type Answer, startService, type TestService } from "../support/service.ts";
import { liveTransports } from "../support/transports.ts";
import { FIELDS } from "./fields.ts";
import { MUTATIONS, OWN_MUTATIONS } from "./mutations.ts";
import { CALLERS, type CallerName, outcomeIn, REFUSALS } from "./outcomes.ts";
import { OWN_QUERIES, QUERIES } from "./queries.ts";
import { OWN_REFERENCES, REFERENCES } from "./references.ts";
import { OWN_SUBSCRIPTIONS, SUBSCRIPTIONS } from "./subscriptions.ts";
import {
  attempt,
  expectedOf,
  inFront,
  isStranger,
  type Line,
  linesOf,
  overHttp,
  overLive,
  type Transport,
  tried,
} from "./trying.ts";
import { type Operation, wayOf } from "./ways.ts";
import { createWorld, type World } from "./world.ts";
import { everythingKept } from "./writing.ts";

let service: TestService;
let schema: GraphQLSchema;
let router: TestRouter;
let world: World;
beforeAll(async () => {
  router = await startRouter();
  service = await startService({ env: { WORKER: "off", ...router.env }, webhooks: false });
  schema = service.app.parts.schema;
  world = await createWorld(service, router);
}, 60_000);
afterAll(async () => {
  await service.stop();
  router.close();
});

const both = (table: typeof QUERIES, own: typeof QUERIES) => [...linesOf(table), ...linesOf(own, true)];
const queries = both(QUERIES, OWN_QUERIES);
const references = both(REFERENCES, OWN_REFERENCES);
const subscriptions = both(SUBSCRIPTIONS, OWN_SUBSCRIPTIONS);
const LIVE = Object.keys(liveTransports(() => router));
const mutations = both(MUTATIONS, OWN_MUTATIONS);

/** Tries each of the lines, one test for each, on all callers at once. */
function tell(operation: Operation, lines: Line[], ...transports: Transport[]): void {
  test.each(lines.map((line) => [line.text, line] as const))("by %s", async (_text, line) => {
    for (const transport of transports) {
      const { found, expected, leaks } = await attempt(world, [operation, line], transport);
      expect(found).toEqual(expected);
      expect(leaks).toEqual([]);
    }
  });
}

describe("what each caller is told over HTTP", () => tell("query", queries, overHttp, inFront));
describe("what a gateway is told for each caller", () => tell("query", references, overHttp, inFront));
describe.each(LIVE)("what each caller is told over %s", (name) =>
  tell("subscription", subscriptions, overLive(name)),
);

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

test.each(LIVE)("queries and mutations are taken over %s from nobody", async (name) => {
  const unwanted = ["{ subscriptionStatus { id } }", "mutation { createSetupIntent { clientSecret } }"];
  const before = await everythingKept(service);
  for (const caller of CALLERS)
    for (const query of unwanted) {
      const [answer] = await overLive(name)(world, { query, variables: {} }, caller);
      expect([caller, codesOf(answer)]).toEqual([
        caller,
        [expect.stringMatching(/BAD_USER_INPUT|UNAUTHENTICATED/)],
      ]);
    }
  expect(await everythingKept(service)).toEqual(before);
});

describe("what each caller may change", () => {
  /** What is changed is shown as everywhere; ends are tried where no query leads to them. */
  const attempted = async (line: Line, caller: CallerName) => {
    const { way } = goes("mutation", line);
    const isShallow = reading().some((known) => known.way.type === way.type);
    const { outcomes, told } = await tried(world, ["mutation", { ...line, isShallow }], caller, overHttp);
    const leaks = isStranger(caller) ? world.private.filter((secret) => told.includes(secret)) : [];
    return {
      found: { outcomes, leaks },
      expected: { outcomes: expectedOf({ ...line, isShallow }, way, caller), leaks: [] },
    };
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
    for (const line of mutations)
      for (const caller of CALLERS.filter((each) => refuses(line, each))) {
        const { found, expected } = await attempted(line, caller);
        expect({ [`${line.text} by ${caller}`]: found }).toEqual({ [`${line.text} by ${caller}`]: expected });
      }
    expect(await everythingKept(service)).toEqual(before);
  });

  test.each(mutations.map((line) => [line.text, line] as const))("others get to %s", async (_text, line) => {
    for (const caller of CALLERS.filter((each) => !refuses(line, each))) {
      const { found, expected } = await attempted(line, caller);
      expect({ [caller]: found }).toEqual({ [caller]: expected });
    }
  });
});

test("a client's key is the caller's own: nobody is given another's answer under it", async () => {
  const make = 'mutation { createSetupIntent(idempotencyKey: "one") { clientSecret } }';
  const id = world.values.threeDSecure;
  const choose = `mutation { setDefaultPaymentMethod(id: ${id}, idempotencyKey: "two") { id } }`;
  const ask = (query: string, caller: CallerName) => service.ask(query, {}, world.tokens[caller]);
  expect((await ask(choose, "owner")).errors).toBeUndefined();
  for (const caller of ["other", "admin"] as const)
    expect(codesOf(await ask(choose, caller))).toEqual(["NOT_FOUND"]);
  const secrets = new Set<string>();
  for (const caller of ["owner", "other", "admin", "owner"] as const)
    secrets.add((await ask(make, caller)).data.createSetupIntent.clientSecret);
  expect(secrets.size).toBe(3);
  expect(codesOf(await ask(make, "service"))).toEqual(["BAD_USER_INPUT"]);
});

describe("the table", () => {
  const begun = (lines: Line[]) => lines.map(({ text }) => /^@?\w+/.exec(text)?.[0] as string);
  const fieldsOf = (name: string) => Object.keys((schema.getType(name) as GraphQLObjectType).getFields());

  test("has a row for every query, mutation, subscription and reference there is, and for no other", () => {
    const asked = fieldsOf("Query").filter((name) => name !== "_entities");
    expect(differences(asked, begun(queries))).toEqual([]);
    expect(differences(fieldsOf("Mutation"), begun(mutations))).toEqual([]);
    expect(differences(fieldsOf("Subscription"), begun(subscriptions))).toEqual([]);
    const entities = entityNames(schema).map((name) => `@${name}`);
    expect(differences(entities, begun(references))).toEqual([]);
  });

  test("has a row for every field of every type, and for no other", () => {
    expect(differences(fieldsIn(schema), fieldsListed(FIELDS))).toEqual([]);
    const grown = buildSchema("type Query { plan: Plan } type Plan { id: ID! secret: Int }");
    expect(differences(fieldsIn(grown), fieldsListed({ Plan: { id: "", gone: "" } }))).toEqual([
      "Plan.secret has no row",
      "Plan.gone is not there",
    ]);
  });

  test("tries every word that it has of a field", () => {
    const ways = [...reading(), ...mutations.map((line) => goes("mutation", line))];
    const words = ways.flatMap(({ line, way }) =>
      CALLERS.flatMap((caller) => {
        const as = line.isOwn && caller === "other" ? "owner" : caller;
        const fields = Object.entries(expectedOf(line, way, caller));
        return fields.map(([field, word]) => `${way.type.name}.${field} for ${as}: ${word}`);
      }),
    );
    const tries = new Set(words);
    const all = Object.entries(FIELDS).flatMap(([type, fields]) =>
      Object.entries(fields).flatMap(([field, row]) =>
        CALLERS.map((caller) => `${type}.${field} for ${caller}: ${outcomeIn(row, caller)}`),
      ),
    );
    expect(all.filter((word) => !word.endsWith(": -") && !tries.has(word))).toEqual([]);
  });
});

const codesOf = (answer?: Pick<Answer, "errors">) => answer?.errors?.map(({ extensions }) => extensions.code);
const goes = (operation: Operation, line: Line) => ({ line, way: wayOf(schema, operation, line.text) });
const reading = () => [
  ...[...queries, ...references].map((line) => goes("query", line)),
  ...subscriptions.map((line) => goes("subscription", line)),
];

const ROOTS = ["Query", "Mutation", "Subscription"];
/** Every field of every type that is not where operations begin. */
const fieldsIn = (of: GraphQLSchema) =>
  Object.values(of.getTypeMap())
    .filter(isObjectType)
    .filter((type) => !isIntrospectionType(type) && !ROOTS.includes(type.name))
    .flatMap((type) => Object.keys(type.getFields()).map((field) => `${type.name}.${field}`));
const fieldsListed = (table: typeof FIELDS) =>
  Object.entries(table).flatMap(([type, fields]) => Object.keys(fields).map((field) => `${type}.${field}`));

function differences(there: string[], listed: string[]): string[] {
  return [
    ...there.filter((name) => !listed.includes(name)).map((name) => `${name} has no row`),
    ...listed.filter((name) => !there.includes(name)).map((name) => `${name} is not there`),
  ];
}

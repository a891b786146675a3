import {
  buildSchema,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLSchema,
  parse,
  validate,
} from "graphql";
import type { Context } from "../../src/context.ts";
import { runnerOf } from "../../src/http/compiled.ts";
import { Operations } from "../../src/http/operations.ts";

// What is compiled must give what graphql-js gives, down to the place of each error.

const refusal = (message: string) => new GraphQLError(message, { extensions: { code: "FORBIDDEN" } });
const later = <T>(value: T, ticks = 1): Promise<T> =>
  ticks === 0
    ? Promise.resolve(value)
    : new Promise((resolve) => setImmediate(resolve)).then(() => later(value, ticks - 1));

/** A query of entities, with a directive on all of it or none. */
const E = (selection: string, directive = "") =>
  `query ($r: [_Any!]!, $on: Boolean!) { _entities(representations: $r) ${directive} { ${selection} } }`;
const federated = buildSchema(`
  scalar _Any
  union _Entity = Course | Purchase
  type Access { granted: Boolean! }
  type Course { id: ID! viewerAccess: Access! }
  type Purchase { course: Course }
  type Query { _entities(representations: [_Any!]!): [_Entity]! course: Course }`);

const schema = schemaOf(
  `
  scalar Moment
  enum Mood { GLAD SAD }
  interface Named { name: String! }
  union Thing = Cat | Dog
  type Cat implements Named { name: String! lives: Int! friend: Thing owner: Person! bad: Int! }
  type Dog implements Named { name: String! age: Int mood: Mood! friend: Thing }
  type Person { name: String! cats: [Cat!]! maybe: [Cat] bad: String! worse: String! poor: String born: Moment nested: [[Int!]] }
  input Size { min: Int = 1 max: Int moods: [Mood!] }
  type Query {
    things: [Thing]! named: [Named!] person: Person strict: Person! size(size: Size, n: Int! = 3, ids: [ID!]): String
    late: Person gone: Person moment(at: Moment): Moment when: Moment mood(mood: Mood): Mood wrong: Mood
  }`,
  {
    Query: {
      things: () => later([cat, dog, null, refusal("no thing"), cat]),
      named: () => [cat, dog],
      person: () => ada,
      strict: () => later(ada),
      size: (_root: unknown, args: object) =>
        JSON.stringify(Object.entries(args).sort(([left], [right]) => (left < right ? -1 : 1))),
      late: () => later(ada, 3),
      gone: () => Promise.reject(refusal("gone")),
      moment: (_root: unknown, { at }: { at: Date }) => at,
      when: () => later(new Date(0)),
      mood: (_root: unknown, { mood }: { mood: string }) => mood ?? "GLAD",
      wrong: () => "NONE",
    },
    Person: {
      bad: () => Promise.reject(refusal("bad")),
      worse: () => later(null, 2),
      poor: () => {
        throw refusal("poor");
      },
      maybe: () => [cat, null, refusal("no cat"), cat],
    },
    Cat: { owner: () => later(ada), bad: ({ lives }: { lives: number }) => (lives === 9 ? null : lives) },
  },
);
const cat = {
  __typename: "Cat",
  name: "Tom",
  lives: 9,
  get friend() {
    return dog;
  },
};
const dog: object = { __typename: "Dog", name: "Rex", age: null, mood: "GLAD", friend: null };
const ada = { name: "Ada", cats: [cat, cat], born: new Date(86_400_000), nested: [[1, 2], null, []] };

type Resolver = (...args: never[]) => unknown;
function schemaOf(sdl: string, resolvers: Record<string, Record<string, Resolver>>): GraphQLSchema {
  const built = buildSchema(sdl);
  for (const [type, fields] of Object.entries(resolvers))
    for (const [name, resolve] of Object.entries(fields))
      Object.assign(
        (built.getType(type) as never as { getFields(): Record<string, object> }).getFields()[name]!,
        {
          resolve,
        },
      );
  Object.assign(built.getType("Moment")!, {
    serialize: (value: Date) => value.toISOString(),
    parseValue: (value: string) => new Date(value),
  });
  return built;
}

/** As a client reads it; the order in which errors come to be known is nobody's business. */
function asRead({ data, errors = [] }: ExecutionResult) {
  const plain = JSON.parse(JSON.stringify({ data, errors })) as { data: unknown; errors: Told[] };
  const told = plain.errors.map(({ path = [], message, locations, extensions = {} }) =>
    JSON.stringify([path, message, locations, extensions]),
  );
  return { data: plain.data, errors: told.sort() };
}
type Told = Partial<Record<"path" | "message" | "locations" | "extensions", unknown>>;

const CASES: [name: string, text: string, variables?: Record<string, unknown>][] = [
  [
    "unions, interfaces and their fragments",
    "{ things { __typename ... on Cat { name friend { ... on Named { name } } } ...d } named { __typename name ... on Dog { mood } } } fragment d on Dog { age mood }",
  ],
  [
    "custom scalars",
    "query ($at: Moment) { when moment(at: $at) person { born } }",
    { at: "2026-11-26T00:00:00.000Z" },
  ],
  ["lists in lists", "{ person { nested } strict { nested maybe { name } } }"],
  [
    "other names, twice over",
    "{ a: person { x: name name } b: person { name x: born } a: person { y: name } __typename }",
  ],
  [
    "defaults and lists of one",
    "query ($s: Size, $n: Int = 4, $ids: [ID!]) { size(size: $s, n: $n, ids: $ids) b: size c: size(size: {max: 2, moods: GLAD}, ids: [1, 2]) }",
    { s: { moods: "SAD" }, ids: "one" },
  ],
  [
    "variables within a literal",
    "query ($m: Int, $o: Mood!) { size(size: {max: $m, moods: [$o]}) }",
    { m: 7, o: "GLAD" },
  ],
  ["null for what has a default", "query ($n: Int) { size(n: $n) person { name } }", { n: null }],
  ["a variable that is not given", "query ($n: Int!, $m: Mood) { size(n: $n) mood(mood: $m) }", {}],
  [
    "one of the wrong kind",
    "query ($n: Int!, $m: Mood) { size(n: $n) mood(mood: $m) }",
    { n: "three", m: "ANGRY" },
  ],
  ["one too large", "query ($n: Int!) { size(n: $n) }", { n: 2 ** 31 }],
  ["a field that input does not have", "query ($s: Size) { size(size: $s) }", { s: { least: 1 } }],
  ["a nullable field that is refused", "{ person { name poor } gone { name } late { name } }"],
  ["a field that may not be null", "{ person { name worse } late { name } }"],
  ["a refused field that may not be null", "{ person { bad name } strict { name } }"],
  ["two of them in one object", "{ person { bad worse name } late { worse bad } }"],
  ["what takes the whole answer along", "{ strict { bad } person { name } }"],
  [
    "errors in a list that may hold null",
    "{ person { maybe { name lives } } things { ... on Cat { bad } } }",
  ],
  ["errors in a list that may not", "{ person { cats { bad owner { name } } name } }"],
  ["a word that the enum does not have", "{ wrong mood person { name } }"],
  [
    "directives",
    "query ($w: Boolean!) { person { ...p @skip(if: $w) ...p } late @include(if: $w) { name } } fragment p on Person { name }",
    { w: true },
  ],
];

test.each(CASES.map(([name, text, variables]) => ({ name, text, variables })))(
  "$name",
  async ({ text, variables }) => {
    const document = parse(text);
    expect(validate(schema, document)).toEqual([]);
    const plain = await execute({ schema, document, variableValues: variables ?? null });
    expect(asRead(await runnerOf(schema, document)(NOBODY, variables))).toEqual(asRead(plain));
  },
);

test("where much is lost at once, one of the errors is told", async () => {
  const text = "{ late { cats { owner { cats { owner { poor worse } } } } } gone { name } }";
  const document = parse(text);
  const plain = asRead(await execute({ schema, document }));
  const { data, errors } = asRead(await runnerOf(schema, document)(NOBODY, undefined));
  expect(data).toEqual(plain.data);
  expect(plain.errors).toEqual(expect.arrayContaining(errors));
  expect(errors).toHaveLength(2);
});

const NOBODY = {} as Context;

describe("no text of a client's becomes code:", () => {
  const sign = "__MAGIC_DATE__33a9e76d_02e0_4128_8e92_3530ad3da74d";
  test.each([
    ["a value", `{ size(ids: ["${sign}0), globalThis.wasRun = true, new Date(0"]) }`],
    [
      "a value whose letters are escaped",
      `{ size(ids: ["\\u005f${sign.slice(1)}0), globalThis.wasRun = true, new Date(0"]) }`,
    ],
    ["a default", `query ($i: [ID!] = "${sign}0), globalThis.wasRun = true, new Date(0") { size(ids: $i) }`],
    ["a block", `{ size(ids: """${sign}0), globalThis.wasRun = true, new Date(0""") }`],
  ])("%s", async (_what, text) => {
    const document = parse(text);
    expect(validate(schema, document)).toEqual([]);
    const plain = await execute({ schema, document });
    expect(asRead(await runnerOf(schema, document)(NOBODY, undefined))).toEqual(asRead(plain));
    expect("wasRun" in globalThis).toBe(false);
  });

  test("a name", async () => {
    const document = parse(
      "query __proto__($__proto__: Int) { __proto__: person { constructor: name __proto__: born } size(n: $__proto__) }",
    );
    const plain = await execute({ schema, document, variableValues: { n: 1 } });
    expect(asRead(await runnerOf(schema, document)(NOBODY, { n: 1 }))).toEqual(asRead(plain));
  });
});

test("a document that unfolds without end is not compiled", async () => {
  const depth = 24;
  const parts = Array.from({ length: depth }, (_, at) =>
    at + 1 < depth
      ? `fragment f${at} on Person { cats { owner { ...f${at + 1} } } maybe { owner { ...f${at + 1} } } }`
      : `fragment f${at} on Person { name }`,
  );
  const document = parse(`{ gone { ...f0 } } ${parts.join(" ")}`);
  const began = performance.now();
  await runnerOf(schema, document)(NOBODY, undefined);
  // two to the power of 24 fields would take minutes
  expect(performance.now() - began).toBeLessThan(5_000);
});

describe("what was validated is kept", () => {
  const known = (operations: Operations, text: string) =>
    operations.find({ text, hash: undefined, name: undefined }) !== undefined;
  const learn = (operations: Operations, text: string) => operations.remember(text, parse(text));

  const MB = 1024 * 1024;
  const parts = Array.from({ length: 30 }, (_, at) => `p${at}: person { ...Cats }`).join(" ");
  test.each([
    ["of many characters", (at: number) => `query Q${at} { person { name } } ${"#".repeat(10_000)}`, 500_000],
    [
      "of few that unfold to many fields",
      (at: number) =>
        `query Q${at} { ${parts} } fragment Cats on Person { ${Array.from({ length: 30 }, (_, n) => `n${n}: name`).join(" ")} }`,
      930 * 1024,
    ],
  ])("as long as there is room, the ones used last: documents %s", (_name, textOf, bytes) => {
    const operations = new Operations(schema);
    learn(operations, textOf(0));
    for (let at = 1; at < 300; at++) {
      learn(operations, textOf(at));
      expect(known(operations, textOf(0))).toBe(true);
    }
    const kept = Array.from({ length: 300 }, (_, at) => known(operations, textOf(at))).filter(Boolean);
    expect(kept.length).toBeGreaterThan(10);
    expect(kept.length).toBeLessThanOrEqual((64 * MB) / bytes);
    expect(known(operations, textOf(1))).toBe(false);
  });

  test.each<[where: string, text: string, fields: string[]]>([
    ["below entities", E("... on Course { viewerAccess { granted } }"), ["Course.viewerAccess"]],
    [
      "by a fragment",
      `${E("...f")} fragment f on Course { viewerAccess { granted } }`,
      ["Course.viewerAccess"],
    ],
    [
      "by a nested one",
      E("... on Course { id ... { viewerAccess { granted } } }"),
      ["Course.id", "Course.viewerAccess"],
    ],
    ["under a directive", E("... on Course { viewerAccess @include(if: $on) { granted } }"), []],
    ["in a fragment under one", E("... on Course @skip(if: $on) { viewerAccess { granted } }"), []],
    ["of entities under one", E("... on Course { id }", "@skip(if: $on)"), []],
    ["deeper", E("... on Purchase { course { viewerAccess { granted } } }"), ["Purchase.course"]],
    [
      "outside of entities",
      "query ($r: [_Any!]!, $on: Boolean!) { course { viewerAccess { granted } } }",
      [],
    ],
  ])("with what it asks of entities for sure: %s", (_where, text, fields) => {
    const operations = new Operations(federated);
    operations.remember(text, parse(text));
    const asks = operations.find({ text, hash: undefined, name: undefined })?.asks;
    expect([...(asks?.ofEntities ?? ["?"])]).toEqual(fields);
  });

  test.each([
    ["a mutation", "mutation { person { name } }"],
    ["two operations", "query A { when } query B { when }"],
    ["introspection", "{ __schema { queryType { name } } }"],
    [
      "introspection behind a fragment",
      '{ ...on Query { ...f } } fragment f on Query { __type(name: "Cat") { name } }',
    ],
    ["what is very long", `{ when } ${"#".repeat(20_000)}`],
  ])("but not %s", (_what, text) => {
    const operations = new Operations(schema);
    learn(operations, text);
    expect(known(operations, text)).toBe(false);
  });
});

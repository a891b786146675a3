import { buildSubgraphSchema } from "@apollo/subgraph";
import { type OperationDefinitionNode, parse } from "graphql";
import { costOf } from "../../src/document-cost.ts";
import { ENDPOINTS, FRAGMENTS } from "../../src/http/rest/endpoints.ts";
import { LIMITS } from "../../src/limits.ts";
import { schemaSdl } from "../../src/schema.ts";

const schema = buildSubgraphSchema([{ typeDefs: parse(schemaSdl()) }]);

function cost(text: string, variables: Record<string, unknown> = {}): number {
  const document = parse(text);
  const operation = document.definitions.find(({ kind }) => kind === "OperationDefinition");
  return costOf(schema, document, operation as OperationDefinitionNode)(variables);
}
const references = (count: number) => ({ of: Array.from({ length: count }, () => ({})) });
const GATEWAY = "query ($of: [_Any!]!) { _entities(representations: $of)";

test.each<[string, number, string, object?]>([
  ["values cost nothing", 1, "{ subscriptionStatus { id status grantsAccess } }"],
  ["an object costs one", 3, "{ subscriptionStatus { plan { price { amount } } } }"],
  ["a user's data counts as all that it may hold", 12_000, "{ a: userDataExport b: userDataExport }"],
  ["a page is as long as it is asked for", 6, "{ payments(first: 5) { nodes { id } } }"],
  ["or as it is when nobody says", 21, "{ payments { nodes { id } } }"],
  ["as a variable says", 8, "query ($n: Int!) { payments(first: $n) { nodes { id } } }", { n: 7 }],
  ["or its default", 4, "query ($n: Int! = 3) { payments(first: $n) { nodes { id } } }"],
  [
    "what no length can be is refused elsewhere",
    1,
    "query ($n: Int) { payments(first: $n) { nodes { id } } }",
    { n: "x" },
  ],
  [
    "a page that is longer than there are is refused elsewhere",
    101,
    "{ payments(first: 999999) { nodes { id } } }",
  ],
  [
    "edges and nodes are as long as their page",
    16,
    "{ payments(first: 5) { nodes { id } edges { node { id } } } }",
  ],
  ["a list without pages has ten", 10, "{ plans { id } }"],
  ["each alias costs", 20, "{ plans { id } again: plans { id } }"],
  [
    "a gateway's references count",
    200,
    `${GATEWAY} { ... on User { subscription { id } } } }`,
    references(100),
  ],
  [
    "a fragment costs wherever it is spread",
    40,
    "{ ...F again: plans { id } ...F ...F } fragment F on Query { plans { id } }",
  ],
  [
    "in a page it is as long as that",
    6,
    "{ payments(first: 5) { ...F } } fragment F on PaymentConnection { nodes { id } }",
  ],
])("%s", (_name, expected, text, variables = {}) => {
  expect(cost(text, variables as Record<string, unknown>)).toBe(expected);
});

test("fragments that unfold without end are summed up at once", () => {
  const chain = Array.from(
    { length: 300 },
    (_, at) => `fragment F${at} on Query { ...F${at + 1} ...F${at + 1} }`,
  );
  const text = `{ ...F0 } ${chain.join(" ")} fragment F300 on Query { plans { id } }`;
  expect(cost(text)).toBe(Number.MAX_SAFE_INTEGER);
  expect(cost("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A plans { id } }")).toBe(10);
});

test("what the platform asks ordinarily is within the limit", () => {
  const fragments = Object.values(FRAGMENTS).join(" ");
  const page =
    "{ nodes { id amount { amount } invoice { lines { amount { amount } } } refunds { amount { amount } } } }";
  const ordinary: [string, object?][] = [
    ...ENDPOINTS.map(({ document }): [string, object] => [`${document} ${fragments}`, { first: 100 }]),
    [`{ payments(first: 100) ${page} }`],
    [`${GATEWAY} { ... on User { subscription { plan { features { key } } } } } }`, references(500)],
    [
      `${GATEWAY} { ... on Course { viewerAccess { granted } offer { price { amount } } } } }`,
      references(1_000),
    ],
  ];
  for (const [text, variables] of ordinary)
    expect(cost(text, variables as Record<string, unknown>)).toBeLessThanOrEqual(LIMITS.cost);
});

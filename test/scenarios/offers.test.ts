import { type Learner, newLearner } from "../support/learner.ts";
import { newUser, startService, type TestService } from "../support/service.ts";
import { statementsOf } from "../support/statements.ts";

let service: TestService;
let admin: string;
let ada: Learner;
beforeAll(async () => {
  service = await startService({ env: { WORKER: "off" }, webhooks: false });
  admin = await service.token("chief", "admin");
  ada = await newLearner(service);
});
afterAll(() => service.stop());

const FIELDS = `resourceType resourceId title price { amount currency } isStandard isActive creditsOwnedCourses
  courseIds courses { id } course { id } learningPath { id }`;
const UPSERT = `mutation ($input: UpsertOfferInput!) { upsertOffer(input: $input) { ${FIELDS} } }`;
const newResource = () => newUser().replace("user", "resource");
const upsert = (input: object, token = admin) =>
  service.ask(
    UPSERT,
    { input: { resourceType: "COURSE", title: "Rust", amount: 4900, currency: "USD", ...input } },
    token,
  );
const refusal = ({ errors }: Awaited<ReturnType<typeof upsert>>) => errors?.[0]?.extensions;
const path = (input: object) => upsert({ resourceType: "LEARNING_PATH", ...input });
const may = async (learner: Learner, resourceId: string) =>
  (
    await learner.ask("query ($id: ID!) { accessTo(resourceType: COURSE, resourceId: $id) { granted } }", {
      id: resourceId,
    })
  ).data.accessTo.granted;
const give = (learner: Learner, input: object) =>
  service.ask(
    "mutation ($input: GrantAccessInput!) { grantAccess(input: $input) { id } }",
    { input: { userId: learner.userId, reason: "a test", ...input } },
    admin,
  );
const trail = (rowId: string) =>
  service.app.parts.orm.em
    .fork()
    .execute<{ actor: string; before: object | null; after: object }[]>(
      "select actor, before, after from audit_log where table_name = 'offers' and row_id = ? order by at, id",
      [rowId],
    );

test("a course gets a price, and another one, each with who said so", async () => {
  const resourceId = newResource();
  const first = await upsert({ resourceId });
  const shown = {
    ...{ resourceType: "COURSE", resourceId, title: "Rust", price: { amount: 4900, currency: "USD" } },
    ...{ isStandard: true, isActive: true, creditsOwnedCourses: false },
    ...{ courseIds: null, courses: null, course: { id: resourceId }, learningPath: null },
  };
  expect(first).toEqual({ data: { upsertOffer: shown } });
  await upsert({ resourceId });
  await upsert({ resourceId, amount: 500, currency: "JPY" }, await service.token("courses", "service"));
  expect(await trail(`COURSE:${resourceId}`)).toEqual([
    { actor: "admin:chief", before: null, after: expect.objectContaining({ amountMinor: 4900 }) },
    {
      actor: "service:courses",
      before: expect.objectContaining({ amountMinor: 4900, currency: "USD" }),
      after: expect.objectContaining({ amountMinor: 500, currency: "JPY" }),
    },
  ]);
  const [row] = await service.app.parts.orm.em
    .fork()
    .execute<object[]>("select version, amount_minor from offers where resource_id = ?", [resourceId]);
  expect(row).toEqual({ version: 2, amount_minor: "500" });
});

test("a path says which courses it opens, in their order, and keeps them when it is only priced anew", async () => {
  const [resourceId, a, b, c] = [newResource(), newResource(), newResource(), newResource()];
  await path({ resourceId, courseIds: [b, a], creditsOwnedCourses: true });
  const again = await path({ resourceId, amount: 9900 });
  expect(again.data.upsertOffer).toMatchObject({
    ...{ courseIds: [b, a], courses: [{ id: b }, { id: a }], course: null, learningPath: { id: resourceId } },
    ...{ price: { amount: 9900 }, creditsOwnedCourses: false },
  });
  expect((await path({ resourceId, courseIds: [c, b] })).data.upsertOffer.courseIds).toEqual([c, b]);
  expect((await path({ resourceId, courseIds: [] })).data.upsertOffer.courseIds).toEqual([]);
});

test("what a path opens and what is standard holds from the next question on", async () => {
  const [resourceId, early, late] = [newResource(), newResource(), newResource()];
  await path({ resourceId, courseIds: [early] });
  const owner = await newLearner(service);
  await give(owner, { scope: "LEARNING_PATH", resourceId });
  expect([await may(owner, early), await may(owner, late)]).toEqual([true, false]);
  await path({ resourceId, courseIds: [early, late] });
  expect([await may(owner, early), await may(owner, late)]).toEqual([true, true]);
  await path({ resourceId, courseIds: [late], isActive: false });
  expect([await may(owner, early), await may(owner, late)]).toEqual([false, true]);

  const subscriber = await newLearner(service);
  await give(subscriber, { scope: "PLATFORM" });
  expect(await may(subscriber, early)).toBe(true);
  await upsert({ resourceId: early, isStandard: false });
  expect(await may(subscriber, early)).toBe(false);
  await upsert({ resourceId: early, isStandard: true, isActive: false });
  expect(await may(subscriber, early)).toBe(true);
});

test("each wrong input is refused with its field, and changes nothing", async () => {
  const resourceId = newResource();
  const known = newResource();
  await path({ resourceId: known, courseIds: ["a"] });
  const rows: [field: string, input: object][] = [
    ...[-4900, 0, 49, 100_000_000, Number.MAX_SAFE_INTEGER, 49.5, 2 ** 53].map((amount): [string, object] => [
      "input.amount",
      { amount },
    ]),
    ["input.amount", { amount: 49, currency: "JPY" }],
    ["input.amount", { amount: 29, currency: "GBP" }],
    ["input.amount", { amount: 1505, currency: "KWD" }],
    ["input.amount", { amount: 50_050, currency: "ISK" }],
    ...["usd", "XTS", "USDT", "ABC", ""].map((currency): [string, object] => [
      "input.currency",
      { currency },
    ]),
    ...["", "x".repeat(251), "a\nb", "\u200b", " ", "a\u0000", "\ud83d"].map((title): [string, object] => [
      "input.title",
      { title },
    ]),
    ...["", "x".repeat(129), "\u0007"].map((id): [string, object] => [
      "input.resourceId",
      { resourceId: id },
    ]),
    ["input.courseIds", { courseIds: ["a"] }],
    ["input.courseIds", { courseIds: [] }],
    ["input.creditsOwnedCourses", { creditsOwnedCourses: true }],
    ["input.resourceType", { resourceType: "PLATFORM" }],
    ["input.idempotencyKey", { idempotencyKey: "" }],
  ];
  for (const courseIds of [
    ["a", "a"],
    [""],
    ["a", "\u0007"],
    Array.from({ length: 501 }, (_, at) => `c${at}`),
  ])
    rows.push(["input.courseIds", { resourceType: "LEARNING_PATH", resourceId: known, courseIds }]);
  for (const [field, input] of rows)
    expect([input, refusal(await upsert({ resourceId, ...input }))]).toEqual([
      input,
      expect.objectContaining({ code: "BAD_USER_INPUT", field }),
    ]);
  expect(await trail(`COURSE:${resourceId}`)).toEqual([]);
  expect(await trail(`LEARNING_PATH:${known}`)).toHaveLength(1);
  const accepted: [number, string][] = [
    ...([50, 99_999_999].map((amount) => [amount, "USD"]) as [number, string][]),
    ...([
      [50, "JPY"],
      [1500, "KWD"],
      [50_000, "ISK"],
      [30, "GBP"],
    ] as [number, string][]),
  ];
  for (const [amount, currency] of accepted)
    expect((await upsert({ resourceId, amount, currency })).data.upsertOffer.price).toEqual({
      amount,
      currency,
    });
});

test("pages stay as they are while offers are added, and only admins see what is not on sale", async () => {
  const title = newResource();
  const made = [];
  for (const id of Array.from({ length: 5 }, newResource)) {
    await path({ resourceId: id, title, isActive: id !== made[1] });
    made.push(id);
  }
  const [hidden] = made as [string];
  await path({ resourceId: hidden, title, isActive: false });
  const seen: string[] = [];
  let after: string | null = null;
  const query = `query ($after: String) { offers(resourceType: LEARNING_PATH, first: 2, after: $after) {
    nodes { resourceId title } pageInfo { hasNextPage hasPreviousPage endCursor } totalCount } }`;
  for (let hasNext = true; hasNext; ) {
    const { data } = await service.ask(query, { after });
    seen.push(
      ...data.offers.nodes
        .filter((node: { title: string }) => node.title === title)
        .map((node: { resourceId: string }) => node.resourceId),
    );
    expect(data.offers.pageInfo.hasPreviousPage).toBe(after !== null);
    ({ hasNextPage: hasNext, endCursor: after } = data.offers.pageInfo);
    await path({ resourceId: newResource(), title: "came meanwhile" });
  }
  expect(seen).toEqual(made.slice(1).reverse());
  const all = await service.ask(
    "{ offers(first: 100, includeInactive: true) { nodes { resourceId } } }",
    {},
    admin,
  );
  expect(all.data.offers.nodes).toContainEqual({ resourceId: hidden });
  for (const asked of ["first: 0", "first: 101", 'after: "bm9uc2Vuc2U"', 'after: "WzEsMiwzXQ"'])
    expect(refusal(await service.ask(`{ offers(${asked}) { totalCount } }`))).toMatchObject({
      ...{ code: "BAD_USER_INPUT", field: asked.split(":")[0] },
    });
});

test("a course and a path show their offers, a hundred of them in as many statements as one", async () => {
  const courses = Array.from({ length: 50 }, newResource);
  const paths = Array.from({ length: 50 }, newResource);
  const hidden = newResource();
  for (const resourceId of [...courses, hidden])
    await upsert({ resourceId, isActive: resourceId !== hidden });
  for (const [at, resourceId] of paths.entries())
    await path({ resourceId, courseIds: courses.slice(at, at + 2) });
  const query = `query ($r: [_Any!]!) { _entities(representations: $r) {
    ... on Course { id offer { resourceId } } ... on LearningPath { id offer { resourceId courseIds } } } }`;
  const refer = (names: [string, string][]) => names.map(([__typename, id]) => ({ __typename, id }));
  const costOf = async (r: object[], token?: string) => {
    let answer: Awaited<ReturnType<typeof upsert>> | undefined;
    const statements = await statementsOf(service.app.parts.orm, async () => {
      answer = await service.ask(query, { r }, token);
    });
    return { statements, entities: answer?.data._entities };
  };
  const both = (some: number) => [
    ...courses.slice(0, some).map((id): [string, string] => ["Course", id]),
    ...paths.slice(0, some).map((id): [string, string] => ["LearningPath", id]),
  ];
  const one = await costOf(refer(both(1)));
  const hundred = await costOf(refer(both(50)));
  expect(hundred.entities).toEqual([
    ...courses.map((id) => ({ id, offer: { resourceId: id } })),
    ...paths.map((id, at) => ({ id, offer: { resourceId: id, courseIds: courses.slice(at, at + 2) } })),
  ]);
  expect(hundred.statements).toBe(one.statements);
  const without = refer([
    ["Course", hidden],
    ["LearningPath", hidden],
  ]);
  expect((await costOf(without)).entities).toEqual([
    { id: hidden, offer: null },
    { id: hidden, offer: null },
  ]);
  expect((await costOf(without, admin)).entities[0].offer).toEqual({ resourceId: hidden });
});

test("the same key gives the same offer; two at once about one offer leave what one of them said", async () => {
  const resourceId = newResource();
  const first = await upsert({ resourceId, idempotencyKey: "price-1" });
  expect(await upsert({ resourceId, idempotencyKey: "price-1" })).toEqual(first);
  expect(refusal(await upsert({ resourceId, amount: 1, idempotencyKey: "price-1" }))?.code).toBe("CONFLICT");
  const said = Array.from({ length: 8 }, (_, at) => [`${resourceId}-${at}`, `${resourceId}-x`]);
  await Promise.all(said.map((courseIds) => path({ resourceId, courseIds })));
  const shown = await service.ask(
    "query ($r: [_Any!]!) { _entities(representations: $r) { ... on LearningPath { offer { courseIds } } } }",
    { r: [{ __typename: "LearningPath", id: resourceId }] },
  );
  expect(said).toContainEqual(shown.data._entities[0].offer.courseIds);
  expect(await trail(`LEARNING_PATH:${resourceId}`)).toHaveLength(8);
});

test("learners set no prices", async () => {
  expect(refusal(await upsert({ resourceId: "rust" }, ada.token))?.code).toBe("FORBIDDEN");
});

import type { EntityClass } from "@mikro-orm/postgresql";
import { v7 } from "uuid";
import { ENTITIES } from "../../src/entities/index.ts";
import { Subscription } from "../../src/entities/subscription.ts";
import { rowsBy } from "../../src/rows.ts";
import { newUser, startService, type TestService } from "../support/service.ts";
import { statementsOf } from "../support/statements.ts";
import { hundredSubscribers, type Subscriber } from "../support/subscribers.ts";

let service: TestService;
let token: string;
let subscribers: Subscriber[];

beforeAll(async () => {
  service = await startService({ env: { WORKER: "off" }, webhooks: false });
  token = await service.token("course-service", "service");
  subscribers = await hundredSubscribers(service.app.parts.orm.em.fork());
});
afterAll(() => service.stop());

const QUERY = `query ($r: [_Any!]!) { _entities(representations: $r) {
  ... on UserSubscription { id grantsAccess plan { name } user { id } }
  ... on User { id access { id } subscription { id grantsAccess plan { name } } }
  ... on Course { id viewerAccess { granted } }
  ... on UserAccess { id scope } } }`;

async function costOf(references: object[], bearer = token) {
  let entities: Record<string, unknown>[] = [];
  const statements = await statementsOf(service.app.parts.orm, async () => {
    const { data, errors } = await service.ask(QUERY, { r: references }, bearer);
    expect(errors).toBeUndefined();
    entities = data._entities;
  });
  return { statements, entities };
}

const subscriptionOf = ({ subscriptionId, plan }: Subscriber) => ({
  ...{ id: subscriptionId, grantsAccess: true, plan: { name: plan } },
});

test("a hundred subscriptions with their plans cost as many statements as one", async () => {
  const refer = (some: Subscriber[]) =>
    some.map(({ subscriptionId: id }) => ({ __typename: "UserSubscription", id }));
  const one = await costOf(refer(subscribers.slice(0, 1)));
  const hundred = await costOf(refer(subscribers));
  expect(hundred.entities).toEqual(
    subscribers.map((one) => ({ ...subscriptionOf(one), user: { id: one.userId } })),
  );
  expect(one.statements).toBeGreaterThan(0);
  expect(hundred.statements).toBe(one.statements);
});

test("a hundred users with their subscriptions and grants cost as many statements as one", async () => {
  const refer = (some: Subscriber[]) => some.map(({ userId: id }) => ({ __typename: "User", id }));
  const one = await costOf(refer(subscribers.slice(0, 1)));
  const hundred = await costOf(refer(subscribers));
  expect(hundred.entities).toEqual(
    subscribers.map((one) => ({
      ...{ id: one.userId, access: [{ id: expect.any(String) }], subscription: subscriptionOf(one) },
    })),
  );
  expect(hundred.statements).toBe(one.statements);
});

test("a hundred unpaid subscriptions say why, and a hundred users how they pay, in as many statements as one", async () => {
  await service.app.parts.orm.em.fork().nativeUpdate(Subscription, {}, { status: "PAST_DUE" });
  const query = `query ($r: [_Any!]!) { _entities(representations: $r) {
    ... on UserSubscription { paymentProblem { nextStep amountDue { amount } } }
    ... on User { paymentMethods { id } } } }`;
  const costOfProblems = async (some: Subscriber[]) => {
    const r = some.flatMap(({ subscriptionId, userId }) => [
      { __typename: "UserSubscription", id: subscriptionId },
      { __typename: "User", id: userId },
    ]);
    let entities: unknown[] = [];
    const statements = await statementsOf(service.app.parts.orm, async () => {
      entities = (await service.ask(query, { r }, token)).data._entities;
    });
    return { statements, entities };
  };
  const one = await costOfProblems(subscribers.slice(0, 1));
  const hundred = await costOfProblems(subscribers);
  const unpaid = { paymentProblem: { nextStep: "UPDATE_PAYMENT_METHOD", amountDue: null } };
  expect(hundred.entities).toEqual(subscribers.flatMap(() => [unpaid, { paymentMethods: [] }]));
  expect(hundred.statements).toBe(one.statements);
});

test("a hundred users with their payments and invoices, all their subscriptions and what they may open cost as many statements as one", async () => {
  const query = `query ($r: [_Any!]!) { _entities(representations: $r) { ... on User {
    subscriptions { id plan { name } }
    payments(first: 1) { totalCount pageInfo { hasNextPage }
      nodes { id amount { amount } user { id } purchase { id } refunds { id } subscription { id plan { name } }
        invoice { id lines { description } } } }
    failed: payments(statuses: [FAILED]) { totalCount }
    invoices(first: 2) { totalCount nodes { number total { amount } user { id } lines { description } } }
    accessTo(resourceType: COURSE, resourceId: "a-course") { granted } } } }`;
  const { one, hundred } = await costsOfUsers(query);
  expect(hundred.entities).toEqual(
    subscribers.map(({ userId, subscriptionId, plan }, at) => ({
      subscriptions: [{ id: subscriptionId, plan: { name: plan } }],
      payments: {
        ...{ totalCount: 2, pageInfo: { hasNextPage: true } },
        nodes: [
          {
            ...{
              id: expect.any(String),
              amount: { amount: 1_000 + at },
              user: { id: userId },
              purchase: null,
              refunds: [{ id: expect.any(String) }],
            },
            subscription: { id: subscriptionId, plan: { name: plan } },
            invoice: { id: expect.any(String), lines: [{ description: `line of ${at}` }] },
          },
        ],
      },
      invoices: {
        totalCount: 1,
        nodes: [
          {
            ...{ number: `CMH-${at}`, total: { amount: 1_000 + at }, user: { id: userId } },
            lines: [{ description: `line of ${at}` }],
          },
        ],
      },
      ...{ failed: { totalCount: 1 }, accessTo: { granted: true } },
    })),
  );
  expect(one.statements).toBeGreaterThan(0);
  expect(hundred.statements).toBe(one.statements);
});

test("a plan that many subscriptions have is read once, and again as soon as it has changed", async () => {
  const query =
    "query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { subscription { plan { name } } } } }";
  const r = subscribers.map(({ userId: id }) => ({ __typename: "User", id }));
  const namesOf = async () => {
    const { data } = await service.ask(query, { r }, token);
    return new Set(
      data._entities.map((one: { subscription: { plan: { name: string } } }) => one.subscription.plan.name),
    );
  };
  const before = await namesOf();
  expect(await statementsOf(service.app.parts.orm, namesOf)).toBe(1);
  const em = service.app.parts.orm.em.fork();
  for (const name of ["Premium Plus", "Premium"]) {
    await em.execute(
      "update subscription_plans set name = ? where name like 'Premium%' and name not like '%Annual'",
      [name],
    );
    expect([...(await namesOf())].sort()).toEqual(["Enterprise", name, "Premium Annual"].sort());
  }
  expect(await namesOf()).toEqual(before);
});

describe("one, ten and a hundred cost the same number of statements:", () => {
  const users = `query ($r: [_Any!]!) { _entities(representations: $r) {
    ... on User { subscription { id status plan { name } } } } }`;
  const courses = `query ($r: [_Any!]!) { _entities(representations: $r) {
    ... on Course { viewerAccess { granted source expiresAt } offer { isActive } } } }`;
  const countOf = (query: string, r: object[], by: string) =>
    statementsOf(service.app.parts.orm, async () => {
      const { data, errors } = await service.ask(query, { r }, by);
      expect(errors).toBeUndefined();
      expect(data._entities).toHaveLength(r.length);
    });

  test("users with their subscriptions and plans", async () => {
    const counts: number[] = [];
    for (const count of [1, 10, 100]) {
      const some = subscribers.slice(0, count).map(({ userId: id }) => ({ __typename: "User", id }));
      counts.push(await countOf(users, some, token));
    }
    // the plans are known by then
    expect(counts.slice(1)).toEqual([1, 1]);
    expect(counts[0]).toBeLessThanOrEqual(2);
  });

  test("courses with what a viewer may open, who was never asked about before", async () => {
    const counts: number[] = [];
    for (const count of [1, 10, 100]) {
      const some = Array.from({ length: count }, (_, at) => ({ __typename: "Course", id: `course-${at}` }));
      counts.push(await countOf(courses, some, await service.token(newUser())));
    }
    expect(counts).toEqual([counts[0], counts[0], counts[0]]);
    expect(counts[0]).toBeGreaterThan(0);
  });
});

test("rows that are read without the ORM are what it makes of them", async () => {
  const em = service.app.parts.orm.em.fork();
  const seen: string[] = [];
  for (const entity of ENTITIES as EntityClass<object>[]) {
    const { className, primaryKeys, properties } = em.getMetadata().get(entity);
    const made = (await em.find(entity, {}, { limit: 20 })) as Record<string, unknown>[];
    if (made.length === 0 || primaryKeys.length > 1) continue;
    seen.push(className);
    const key = String(primaryKeys[0]);
    const keys = made.map((one) => one[key] as string);
    const read = await rowsBy(em, entity as EntityClass<Record<string, unknown>>, { property: key, keys });
    expect(read).toHaveLength(made.length);
    for (const row of read) {
      const same = made.find((one) => one[key] === row[key]);
      expect(row).toBeInstanceOf(entity);
      const names = Object.keys(properties);
      expect(names.map((name) => [name, row[name]])).toEqual(names.map((name) => [name, same?.[name]]));
    }
  }
  expect(seen).toEqual(expect.arrayContaining(["Plan", "Subscription", "UserAccess", "Payment", "Invoice"]));
});

/** What one user costs, and what all of them do. */
async function costsOfUsers(query: string) {
  const costOf = async (some: Subscriber[]) => {
    const r = some.map(({ userId: id }) => ({ __typename: "User", id }));
    let entities: Record<string, unknown>[] = [];
    const statements = await statementsOf(service.app.parts.orm, async () => {
      const { data, errors } = await service.ask(query, { r }, token);
      expect(errors).toBeUndefined();
      entities = data._entities;
    });
    return { statements, entities };
  };
  return { one: await costOf(subscribers.slice(0, 1)), hundred: await costOf(subscribers) };
}

test("a hundred courses that a learner looks at are one statement", async () => {
  const learner = await service.token((subscribers[0] as Subscriber).userId);
  const courses = Array.from({ length: 100 }, (_, at) => ({
    __typename: "Course",
    id: `course-${v7()}-${at}`,
  }));
  const { statements, entities } = await costOf(courses, learner);
  expect(entities.map(({ viewerAccess }) => viewerAccess)).toEqual(Array(100).fill({ granted: true }));
  expect(statements).toBe(1);
});

import { v7 } from "uuid";
import { type Orm, openDatabase } from "../../src/database.ts";
import { Payment } from "../../src/entities/payment.ts";
import { type PageRequest, pageAsked, pagesOf } from "../../src/services/pages.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { statementsOf } from "../support/statements.ts";

const NOON = Date.parse("2026-03-10T12:00:00Z");
const at = (seconds: number) => new Date(NOON + seconds * 1000);

let database: TestDatabase;
let orm: Orm;
beforeAll(async () => {
  database = await createTestDatabase();
  orm = await openDatabase(database.url);
});
afterAll(async () => {
  await orm.close(true);
  await database.drop();
});

async function pay(userId: string, ...payments: Partial<Payment>[]): Promise<string[]> {
  const em = orm.em.fork();
  const made = payments.map((payment) =>
    Object.assign(new Payment(), {
      ...{ userId, stripePaymentIntentId: `pi_${v7()}`, amountMinor: 3_900, amountRefundedMinor: 0 },
      ...{ currency: "USD", status: "SUCCEEDED", stripeCreatedAt: at(0) },
      ...payment,
    }),
  );
  await em.persist(made).flush();
  return made.map(({ id }) => id);
}

const read = (...requests: PageRequest[]) =>
  pagesOf(orm.em.fork(), Payment, "stripe_created_at", requests.map(pageAsked));
const page = async (request: PageRequest) => (await read(request))[0]!;
const idsOf = ({ nodes }: { nodes: { id: string }[] }) => nodes.map(({ id }) => id);

test("whoever turns pages sees each row once, newest first, whatever is added meanwhile", async () => {
  const userId = v7();
  // many within one second: their ids alone tell them apart
  const ids = await pay(userId, ...Array.from({ length: 25 }, (_, n) => ({ stripeCreatedAt: at(n >> 3) })));
  const seen: string[] = [];
  let after: string | null = null;
  for (let n = 1; ; n++) {
    const { edges, pageInfo, totalCount, nodes } = await page({ userId, first: 7, after });
    seen.push(...idsOf({ nodes }));
    expect(pageInfo).toEqual({
      ...{ hasPreviousPage: after !== null, hasNextPage: seen.length < 25 },
      ...{ startCursor: edges[0]?.cursor, endCursor: edges.at(-1)?.cursor },
    });
    expect(totalCount).toBe(25 + n - 1);
    if (!pageInfo.hasNextPage) break;
    after = pageInfo.endCursor;
    await pay(userId, { stripeCreatedAt: at(60 + n) });
  }
  expect(seen).toEqual([...ids].reverse());
  expect(
    await page({ userId, first: 7, after: (await page({ userId, first: 100 })).pageInfo.endCursor }),
  ).toEqual({
    ...{ edges: [], nodes: [], totalCount: 28 },
    pageInfo: { hasNextPage: false, hasPreviousPage: true, startCursor: null, endCursor: null },
  });
});

test("filters by status and by date choose, and count", async () => {
  const userId = v7();
  const [old, failed, recent] = await pay(
    userId,
    { stripeCreatedAt: at(0) },
    { stripeCreatedAt: at(1), status: "FAILED" },
    { stripeCreatedAt: at(2), status: "REFUNDED" },
  );
  const chosen = async (filters: Partial<PageRequest>) => {
    const found = await page({ userId, first: 1, ...filters });
    expect(found.totalCount).toBe(found.nodes.length + (found.pageInfo.hasNextPage ? 1 : 0));
    return idsOf(await page({ userId, first: 100, ...filters }));
  };
  expect(await chosen({ statuses: ["FAILED"] })).toEqual([failed]);
  expect(await chosen({ statuses: ["REFUNDED", "FAILED"] })).toEqual([recent, failed]);
  expect(await chosen({ statuses: [] })).toEqual([]);
  // from a moment on, up to but without another
  expect(await chosen({ createdFrom: at(1), createdBefore: at(2) })).toEqual([failed]);
  expect(await chosen({ createdFrom: at(2) })).toEqual([recent]);
  expect(await chosen({ createdBefore: at(1), statuses: ["SUCCEEDED"] })).toEqual([old]);
  // what a client may write and a calendar does not have
  expect(await page({ userId, first: 3, createdFrom: new Date("0000-01-01T00:00:00Z") })).toMatchObject({
    totalCount: 3,
  });
  expect(await page({ userId, first: 3, createdFrom: new Date(8.64e15) })).toMatchObject({ totalCount: 0 });
});

test("an instant keeps its thousandths, in filters and in cursors", async () => {
  const userId = v7();
  const [first, second] = await pay(userId, { stripeCreatedAt: at(0.001) }, { stripeCreatedAt: at(0.002) });
  expect(idsOf(await page({ userId, first: 9, createdFrom: at(0.002) }))).toEqual([second]);
  expect(idsOf(await page({ userId, first: 9, createdBefore: at(0.002) }))).toEqual([first]);
  const { pageInfo } = await page({ userId, first: 1 });
  expect(idsOf(await page({ userId, first: 9, after: pageInfo.endCursor }))).toEqual([first]);
});

test("a page is refused that nobody can turn to", () => {
  const cursor = (text: string) => Buffer.from(text).toString("base64url");
  const id = v7();
  const refused: [Partial<PageRequest>, string][] = [
    [{ first: 0 }, "first"],
    [{ first: -1 }, "first"],
    [{ first: 101 }, "first"],
    ...["", "nonsense", cursor(`${at(0).toISOString()}|nobody`), cursor(`yesterday|${id}`)].map(
      (after): [Partial<PageRequest>, string] => [{ after }, "after"],
    ),
    // years that JavaScript reads and PostgreSQL does not, and dates that only look like one
    ...["+275760-09-13T00:00:00.000Z", "2026-13-01T00:00:00.000Z", "2026", "1"].map(
      (instant): [Partial<PageRequest>, string] => [{ after: cursor(`${instant}|${id}`) }, "after"],
    ),
    [{ after: cursor(`${at(0).toISOString()}|${id}|more`) }, "after"],
    [{ createdFrom: at(1), createdBefore: at(1) }, "createdBefore"],
  ];
  for (const [request, field] of refused)
    expect(() => pageAsked({ userId: id, first: 1, ...request })).toThrow(
      expect.objectContaining({ code: "BAD_USER_INPUT", details: { field } }),
    );
});

test("any number of pages of any number of users are one statement, each answered by itself", async () => {
  const users = Array.from({ length: 100 }, () => v7());
  const ids = new Map(
    await Promise.all(
      users.map(async (userId, n) => {
        const made = await pay(
          userId,
          ...Array.from({ length: n % 4 }, (_, s) => ({ stripeCreatedAt: at(s) })),
        );
        return [userId, made.reverse()] as const;
      }),
    ),
  );
  const requests = users.flatMap((userId) => [
    { userId, first: 1 },
    { userId, first: 2, statuses: ["SUCCEEDED"] },
  ]);
  let pages: Awaited<ReturnType<typeof read>> = [];
  const statements = await statementsOf(orm, async () => {
    pages = await read(...requests);
  });
  expect(statements).toBe(1);
  expect(pages.map((one) => [one.totalCount, idsOf(one)])).toEqual(
    requests.map(({ userId, first }) => {
      const own = ids.get(userId) as string[];
      return [own.length, own.slice(0, first)];
    }),
  );
  expect(pages[6]?.nodes[0]).toBeInstanceOf(Payment);
});

test("among many payments a page is found by the index, from its cursor on", async () => {
  const em = orm.em.fork();
  await em.execute(`insert into payments
    (id, user_id, stripe_payment_intent_id, amount_minor, amount_received_minor, amount_refunded_minor, currency, status, stripe_created_at, version)
    select gen_random_uuid(), 'many-' || (n % 200), 'pi_' || n, 100, 100, 0, 'USD', 'SUCCEEDED', to_timestamp(n), 1
      from generate_series(1, 20000) n`);
  await em.execute("vacuum analyze payments");
  const { endCursor } = (await page({ userId: "many-1", first: 50 })).pageInfo;
  const plan = await planOf({ userId: "many-1", first: 20, after: endCursor, statuses: ["SUCCEEDED"] });
  expect(plan.filter((line) => /Seq Scan|Sort Key: listed/.test(line))).toEqual([]);
  expect(plan.filter((line) => /using payments_by_user/.test(line))).toHaveLength(2);
  expect(plan).toContainEqual(
    expect.stringMatching(/Index Cond:.* AND \(ROW\(stripe_created_at, id\) < ROW\(/),
  );
});

/** The plan of the statement that reads a page, as PostgreSQL explains it. */
async function planOf(request: PageRequest): Promise<string[]> {
  const em = orm.em.fork();
  let plan: string[] = [];
  const explaining = Object.create(em, {
    execute: {
      value: async (sql: string, params: unknown[]) => {
        plan = (await em.execute<{ "QUERY PLAN": string }[]>(`explain ${sql}`, params)).map(
          (row) => row["QUERY PLAN"],
        );
        return [];
      },
    },
  }) as typeof em;
  await pagesOf(explaining, Payment, "stripe_created_at", [pageAsked(request)]);
  return plan;
}

import { v7 } from "uuid";
import { type Orm, openDatabase } from "../../src/database.ts";
import { Plan } from "../../src/entities/plan.ts";
import { Subscription } from "../../src/entities/subscription.ts";
import { KnownPlans } from "../../src/services/known-plans.ts";
import { SubscriptionService } from "../../src/services/subscription.service.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

const SECOND = new Date("2026-03-10T12:00:01Z");

let database: TestDatabase;
let orm: Orm;
let plans: KnownPlans;
let service: SubscriptionService;

beforeAll(async () => {
  database = await createTestDatabase();
  orm = await openDatabase(database.url);
  plans = new KnownPlans(orm.em);
  service = new SubscriptionService(orm.em, plans);
});
afterAll(async () => {
  await orm.close(true);
  await database.drop();
});

const KINDS: Partial<Subscription>[] = ["ACTIVE", "CANCELED"].flatMap((status) =>
  [null, "sub_first"].flatMap((duplicateOf) =>
    [SECOND, new Date(SECOND.getTime() - 1_000)].map((stripeCreatedAt) => ({
      ...({ status, duplicateOf, stripeCreatedAt } as Partial<Subscription>),
    })),
  ),
);

async function userWith(...kinds: Partial<Subscription>[]): Promise<string> {
  const userId = `a user ${v7()}`;
  const em = orm.em.fork();
  for (const kind of kinds)
    em.persist(
      Object.assign(new Subscription(), {
        ...{ userId, stripeSubscriptionId: `sub_${v7()}`, stripePriceId: "price", status: "ACTIVE" },
        ...{ quantity: 1, cancelAtPeriodEnd: false, hasPaymentMethod: true, stripeCreatedAt: SECOND },
        ...kind,
      }),
    );
  await em.flush();
  return userId;
}

test("what is read of little is the same subscription as what is read of all, whichever a user has", async () => {
  const pairs = KINDS.flatMap((one) => KINDS.map((other) => [one, other]));
  const users = await Promise.all([...KINDS.map((one) => [one]), ...pairs].map((all) => userWith(...all)));
  users.push(await userWith({ wasLive: false }), "nobody", await userWith(...KINDS));
  const [whole, brief] = await Promise.all([service.currentOf(users), service.briefOf(users)]);
  const told = (all: (Subscription | null)[]) =>
    all.map((one) => one && { id: one.id, userId: one.userId, status: one.status, planId: one.planId });
  expect(told(brief)).toEqual(told(whole));
  expect(brief.slice(-3)).toEqual([null, null, expect.any(Subscription)]);
  expect(brief[0]?.isLive).toBe(true);
});

test("who is asked about by several at once, or twice by one, is told to each", async () => {
  const [ada, bob] = [await userWith({}), await userWith({})];
  const asked = [[ada, bob], [bob, "nobody", bob], []];
  const found = await Promise.all(asked.map((userIds) => service.briefOf(userIds)));
  expect(found.map((all) => all.map((one) => one?.userId))).toEqual([[ada, bob], [bob, undefined, bob], []]);
});

test("a plan comes with it once it is known at the version that is read", async () => {
  const plan = await orm.em.fork().findOneOrFail(Plan, { name: "Premium" });
  const user = await userWith({ planId: plan.id });
  await plans.read([plan.id]);
  const [known] = await service.briefOf([user]);
  expect(known?.knownPlan?.name).toBe("Premium");
  await orm.em.execute("update subscription_plans set description = description");
  const [later] = await service.briefOf([user]);
  expect([later?.knownPlan, later?.planId]).toEqual([undefined, plan.id]);
});

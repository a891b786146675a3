import type Stripe from "stripe";
import { eventId } from "../../src/events/event-types.ts";
import { EXPIRING_CARDS_CURSOR } from "../../src/jobs/expiring-cards.ts";
import { askedFor } from "../support/anonymizing.ts";
import { type Learner, newLearner, passTime } from "../support/learner.ts";
import { eventually, startService, type TestService } from "../support/service.ts";
import { customerOf, stripeOf } from "../support/stripe.ts";

let service: TestService;
let stripe: Stripe;
beforeAll(async () => {
  service = await startService();
  stripe = stripeOf(service);
});
afterAll(() => service.stop());

const rows = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);
const now = () => service.app.parts.clock.now();

/** The month of the service's time, or one so many months later. */
function month(ahead = 0): { exp_month: number; exp_year: number } {
  const at = new Date(Date.UTC(now().getUTCFullYear(), now().getUTCMonth() + ahead));
  return { exp_month: at.getUTCMonth() + 1, exp_year: at.getUTCFullYear() };
}

/** Waits until the cards are looked through once more, as the sweep does by itself every ten minutes. */
async function lookThrough(): Promise<void> {
  const { rounds } = service.app.parts.workers;
  await rounds.due();
  await rows("update cursors set next_run_at = now() where name = ?", [EXPIRING_CARDS_CURSOR]);
  await rounds.run(EXPIRING_CARDS_CURSOR);
  await eventually(
    () => rows("select 1 from cursors where name = ? and next_run_at > now()", [EXPIRING_CARDS_CURSOR]),
    (found) => found.length === 1,
  );
}

const told = async ({ userId }: Learner) => {
  await lookThrough();
  return rows<{ id: string; data: { paymentMethodId: string; expMonth: number; expYear: number } }>(
    "select id, data from outbox where user_id = ? and type = 'payment_method.expiring' order by sequence",
    [userId],
  );
};

const untilTold = (learner: Learner) =>
  eventually(
    () => told(learner),
    (facts) => facts.length > 0,
  );

/** The network gives a card another expiry, and the service has heard of it. */
async function renew(pm: string, expiry: ReturnType<typeof month>): Promise<void> {
  await fetch(`${service.sandbox.url}/sandbox/payment_methods/${pm}/update`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(expiry),
  });
  await eventually(
    () =>
      rows(
        "select 1 from payment_methods where stripe_payment_method_id = ? and exp_year = ? and exp_month = ?",
        [...[pm, expiry.exp_year, expiry.exp_month]],
      ),
    (found) => found.length === 1,
  );
}

const cardsOf = async ({ userId }: Learner) =>
  (await stripe.customers.listPaymentMethods(await customerOf(service, userId))).data.map(({ id }) => id);
const addCard = async (learner: Learner, setDefault: boolean): Promise<string> => {
  const before: string[] = await cardsOf(learner).catch(() => []);
  await learner.ask(
    `mutation ($setDefault: Boolean!) {
      addPaymentMethod(input: { stripePaymentMethodId: "pm_card_mastercard", setDefault: $setDefault }) { id } }`,
    { setDefault },
  );
  return (await cardsOf(learner)).find((id) => !before.includes(id))!;
};

test("the card that a subscription is charged to is told of once, when its last month but one begins", async () => {
  const ada = await newLearner(service);
  // as a Checkout page leaves it: named by the subscription, and no customer's default
  await ada.subscribe();
  const pm = (await cardsOf(ada))[0]!;
  await renew(pm, month(2));
  expect(await told(ada)).toEqual([]);
  const daysLeft =
    (new Date(Date.UTC(now().getUTCFullYear(), now().getUTCMonth() + 1)).getTime() - +now()) / 86_400_000;
  await passTime(service, daysLeft + 0.01);
  const expiry = month(1);
  const [row] = await rows<{ id: string }>(
    "select id from payment_methods where stripe_payment_method_id = ?",
    [pm],
  );
  const facts = await told(ada);
  expect(facts).toEqual([
    {
      id: eventId("payment_method.expiring", pm, expiry.exp_year, expiry.exp_month),
      data: { paymentMethodId: row!.id, expMonth: expiry.exp_month, expYear: expiry.exp_year },
    },
  ]);
  // sent events go with age: the fact is remembered all the same
  await eventually(
    () => rows("select 1 from outbox where id = ? and sent_at is not null", [facts[0]!.id]),
    (found) => found.length === 1,
  );
  await rows("delete from outbox where id = ?", [facts[0]!.id]);
  expect(await told(ada)).toEqual([]);
  await passTime(service, 28);
  expect(await told(ada)).toEqual([]);

  // the network gives it another expiry: another fact, when that comes near
  await renew(pm, month(5));
  expect(await told(ada)).toEqual([]);
  await renew(pm, month(0));
  expect((await told(ada)).map(({ data }) => data.expMonth)).toEqual([month(0).exp_month]);
});

test("only what will be charged is told of: the default of whoever renews", async () => {
  const [reader, leaver, switcher] = await Promise.all([1, 2, 3].map(() => newLearner(service)));
  // no subscription
  await renew(await addCard(reader!, true), month(0));
  // one that ends
  await leaver!.subscribe();
  await leaver!.cancel();
  await renew((await cardsOf(leaver!))[0]!, month(0));
  // another card than the one that is charged
  await switcher!.subscribe();
  const other = await addCard(switcher!, false);
  await renew(other, month(0));
  for (const learner of [reader, leaver, switcher]) expect(await told(learner!)).toEqual([]);
  // as soon as it is charged
  const { data } = await switcher!.ask("{ paymentMethods { id brand } }");
  const { id } = data.paymentMethods.find(({ brand }: { brand: string }) => brand === "mastercard");
  await switcher!.ask("mutation ($id: ID!) { setDefaultPaymentMethod(id: $id) { id } }", { id });
  const facts = await untilTold(switcher!);
  expect(facts.map(({ data }) => data.paymentMethodId)).toEqual([id]);
  // and whoever is being anonymised is told nothing
  await leaver!.resume();
  await askedFor(service, leaver!.userId);
  expect(await told(leaver!)).toEqual([]);
  await rows("delete from anonymized_users where user_id = ?", [leaver!.userId]);
  expect(await untilTold(leaver!)).toHaveLength(1);
});

test("any number of cards is looked through page by page, by an index", async () => {
  const { exp_year, exp_month } = month(1);
  await rows(
    `insert into payment_methods (id, user_id, stripe_payment_method_id, type, exp_year, exp_month, is_default, stripe_created_at)
     select gen_random_uuid(), 'crowd-' || n, 'pm_crowd_' || n, 'card', ?, ?, true, now() from generate_series(1, 1200) n`,
    [exp_year, exp_month],
  );
  await rows(
    `insert into subscriptions (id, user_id, stripe_subscription_id, stripe_price_id, status, quantity, cancel_at_period_end,
       has_payment_method, stripe_created_at, version)
     select gen_random_uuid(), 'crowd-' || n, 'sub_crowd_' || n, 'price', 'ACTIVE', 1, false, true, now(), 1
       from generate_series(1100, 1200) n`,
  );
  await lookThrough();
  const [count] = await rows<{ n: string }>(
    "select count(*) as n from expiry_notices where user_id like 'crowd-%'",
  );
  expect(Number(count!.n)).toBe(101);
  await rows("analyze payment_methods");
  const plan = await rows<{ "QUERY PLAN": string }>(
    `explain select * from payment_methods where exp_year = ? and exp_month = ? and id > ? order by id limit 500`,
    [exp_year + 1, exp_month, "00000000-0000-0000-0000-000000000000"],
  );
  expect(plan.map((line) => line["QUERY PLAN"]).join("\n")).toContain("payment_methods_by_expiry");
});

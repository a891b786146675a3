import type Stripe from "stripe";
import { type Learner, newLearner } from "../support/learner.ts";
import { eventually, startService, type TestService } from "../support/service.ts";
import { customerOf, stripeOf } from "../support/stripe.ts";

const FIELDS = `id status amount { amount currency } amountRefunded { amount currency } methodLabel description
  failureCode failureMessage createdAt user { id } subscription { id } purchase { id } invoice { number }`;
const PAYMENT = `query ($id: ID!) { payment(id: $id) { ${FIELDS} } }`;
const PAYMENTS = `query ($first: Int! = 20, $after: String, $statuses: [PaymentStatus!], $from: DateTime, $before: DateTime) {
  payments(first: $first, after: $after, statuses: $statuses, createdFrom: $from, createdBefore: $before) {
    totalCount nodes { ${FIELDS} } edges { cursor } pageInfo { hasNextPage hasPreviousPage } } }`;

let service: TestService;
let stripe: Stripe;
let ada: Learner;
beforeAll(async () => {
  service = await startService();
  stripe = stripeOf(service);
});
beforeEach(async () => {
  ada = await newLearner(service);
});
afterAll(() => service.stop());

const payments = async (variables: object = {}) => (await ada.ask(PAYMENTS, variables)).data.payments;
const until = (isSo: (nodes: { status: string }[]) => boolean) =>
  eventually(
    async () => (await payments()).nodes,
    (nodes) => isSo(nodes),
  );

test("what a learner paid, failed to pay and got back is told from newest to oldest, and one by one", async () => {
  const subscriptionId = await ada.subscribe();
  await until((nodes) => nodes.length === 1);
  await ada.swapCard("pm_card_chargeCustomerFail");
  await ada.passPeriod();
  await until(([newest]) => newest?.status === "FAILED");
  const [{ payment_intent }] = (
    await stripe.charges.list({ customer: await customerOf(service, ada.userId) })
  ).data.filter(({ status }) => status === "succeeded") as [Stripe.Charge];
  await stripe.refunds.create({ payment_intent: String(payment_intent), amount: 900 });
  const [failed, refunded] = await until(([, oldest]) => oldest?.status === "PARTIALLY_REFUNDED");

  const common = {
    ...{ amount: { amount: 3_900, currency: "USD" }, user: { id: ada.userId }, purchase: null },
    ...{ subscription: { id: subscriptionId }, invoice: { number: expect.any(String) } },
  };
  expect(refunded).toMatchObject({
    ...common,
    amountRefunded: { amount: 900, currency: "USD" },
    methodLabel: "visa •••• 4242",
    ...{ failureCode: null, failureMessage: null },
  });
  expect(failed).toMatchObject({
    ...common,
    amountRefunded: { amount: 0, currency: "USD" },
    failureCode: "generic_decline",
    failureMessage: "Your bank declined the payment. Pay with another card, or ask your bank.",
  });
  for (const one of [failed, refunded])
    expect((await ada.ask(PAYMENT, { id: one.id })).data.payment).toEqual(one);

  const chosen = async (variables: object) => (await payments(variables)).nodes;
  expect(await chosen({ statuses: ["FAILED"] })).toEqual([failed]);
  expect(await chosen({ statuses: ["SUCCEEDED"] })).toEqual([]);
  expect(await chosen({ from: failed.createdAt })).toEqual([failed]);
  expect(await chosen({ before: failed.createdAt })).toEqual([refunded]);
  // a month apart, in another time zone's words
  const [day] = failed.createdAt.split("T");
  expect(await chosen({ from: refunded.createdAt, before: `${day}T00:00:00+14:00` })).toEqual([refunded]);
});

test("yen are told as they are: no cents are made of them", async () => {
  await ada.subscribe();
  await stripe.paymentIntents.create({
    ...{ customer: await customerOf(service, ada.userId), amount: 500, currency: "jpy", confirm: true },
    payment_method: "pm_card_visa",
    automatic_payment_methods: { enabled: true, allow_redirects: "never" },
  });
  const [paid] = await until((nodes) => nodes.length === 2);
  expect(paid).toMatchObject({
    ...{ amount: { amount: 500, currency: "JPY" }, amountRefunded: { amount: 0, currency: "JPY" } },
    ...{ subscription: null, invoice: null },
  });
});

test("a user's entity tells of their payments and of all their subscriptions, newest first, as the queries do", async () => {
  const first = await ada.subscribe();
  await ada.cancel({ atPeriodEnd: false });
  await ada.until(({ status }) => status === "CANCELED");
  const second = await ada.subscribe("Enterprise");
  await until((nodes) => nodes.length === 2);
  const { data } = await ada.ask(
    `query ($r: [_Any!]!) { _entities(representations: $r) { ... on User {
      subscriptions { id status plan { name } }
      payments(first: 1) { totalCount nodes { ${FIELDS} } edges { cursor } pageInfo { hasNextPage hasPreviousPage } }
      rest: payments(first: 1, statuses: [FAILED]) { totalCount }
      course: accessTo(resourceType: COURSE, resourceId: "a-course") { granted source expiresAt }
      path: accessTo(resourceType: LEARNING_PATH, resourceId: "a-path") { granted } } } }`,
    { r: [{ __typename: "User", id: ada.userId }] },
  );
  const asked = await ada.ask(
    '{ accessTo(resourceType: COURSE, resourceId: "a-course") { granted source expiresAt } }',
  );
  expect(data._entities).toEqual([
    {
      subscriptions: [
        { id: second, status: "ACTIVE", plan: { name: "Enterprise" } },
        { id: first, status: "CANCELED", plan: { name: "Premium" } },
      ],
      payments: await payments({ first: 1 }),
      rest: { totalCount: 0 },
      course: asked.data.accessTo,
      path: { granted: true },
    },
  ]);
  expect(data._entities[0].payments).toMatchObject({ totalCount: 2, pageInfo: { hasNextPage: true } });
  expect(data._entities[0].course).toMatchObject({ granted: true, source: "SUBSCRIPTION" });
});

describe("what cannot be answered is BAD_USER_INPUT at its field", () => {
  const ENTITY = (field: string) =>
    `query ($id: ID!) { _entities(representations: [{ __typename: "User", id: $id }]) { ... on User { ${field} } } }`;
  test.each([
    ["no payment at a time", "{ payments(first: 0) { totalCount } }", "first"],
    ["too many at a time", "{ payments(first: 101) { totalCount } }", "first"],
    ["a cursor that is none", '{ payments(after: "abc") { totalCount } }', "after"],
    [
      "dates in the wrong order",
      '{ payments(createdFrom: "2026-03-02T00:00:00Z", createdBefore: "2026-03-01T00:00:00Z") { totalCount } }',
      "createdBefore",
    ],
    ["no payment of a user's at a time", ENTITY("payments(first: 0) { totalCount }"), "first"],
    ["too many of a user's", ENTITY("payments(first: 101) { totalCount }"), "first"],
    ["a cursor of a user's that is none", ENTITY('payments(after: "") { totalCount }'), "after"],
    [
      "a course that can be none",
      ENTITY('accessTo(resourceType: COURSE, resourceId: "") { granted }'),
      "resourceId",
    ],
  ])("%s", async (_name, query, field) => {
    const { errors } = await ada.ask(query, { ...(query.includes("$id") && { id: ada.userId }) });
    expect(errors?.map(({ extensions }) => extensions)).toEqual([{ code: "BAD_USER_INPUT", field }]);
  });

  test.each([
    ["a date that is none", { from: "yesterday" }, "$from"],
    ["a day without a time", { before: "2026-03-01" }, "$before"],
    ["a day that no calendar has", { before: "2026-02-30T00:00:00Z" }, "$before"],
    ["a status that is none", { statuses: ["PAID"] }, "$statuses"],
  ])("%s: the message names the variable", async (_name, variables, named) => {
    const { errors } = await ada.ask(PAYMENTS, variables);
    expect(errors?.map(({ extensions }) => extensions)).toEqual([{ code: "BAD_USER_INPUT" }]);
    expect(errors?.[0]?.message).toContain(named);
  });

  test.each(["0000-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"])(
    "%s is a date like any other",
    async (from) => {
      expect((await payments({ from })).totalCount).toBe(0);
    },
  );

  test("one refused page of a user's spoils no other", async () => {
    const { data, errors } = await ada.ask(
      ENTITY("none: payments(first: 0) { totalCount } some: payments(first: 1) { totalCount }"),
      { id: ada.userId },
    );
    expect(data._entities).toEqual([{ none: null, some: { totalCount: 0 } }]);
    expect(errors).toHaveLength(1);
  });
});

import { Redis } from "ioredis";
import { declaredSchema } from "../../src/schema.ts";
import { newBuyer, newCourse, putOnSale } from "../support/buyer.ts";
import { type Arguments, askForEverything } from "../support/everything.ts";
import { type Learner, newLearner } from "../support/learner.ts";
import { recordLogs } from "../support/logs.ts";
import { addCard, addMethod, newMethod } from "../support/methods.ts";
import { secretsIn, stripeIdsIn } from "../support/secrets.ts";
import { type Answer, collect, eventually, startService, type TestService } from "../support/service.ts";
import { setFaults, stripeOf } from "../support/stripe.ts";
import { deliver, eventOf } from "../support/webhook.ts";

// Everything that can happen to a subscriber and a buyer happens once; all that was said meanwhile is read afterwards.

/** What only the owner is told, and may be. */
const OWN = ["clientSecret", "url", "checkoutUrl", "hostedInvoiceUrl", "pdfUrl", "receiptUrl"];
/** Where Stripe's ids stand: the session, which the page of a checkout comes back with; operators' view of the inbox. */
const MAY_BE_STRIPES = [
  /^createCheckoutSession\.id$/,
  /^webhookEvents\..*\.(id|objectId)$/,
  /^subscriptionHistory\..*\.causedBy$/,
  /^accessTo\..*\.causedBy$/,
];

interface Said {
  by: string;
  path: string;
  value: string;
}
const answers: Said[] = [];
const messages: string[] = [];
const { logger, lines } = recordLogs("trace");
const schema = declaredSchema();
let service: TestService;
let redis: Redis;
let ada: Learner;
let bob: Awaited<ReturnType<typeof newBuyer>>;
let admin: string;

/** Everything that an answer says in words, by where it stands in it. */
function wordsOf(value: unknown, path: string[] = []): [path: string, word: string][] {
  if (typeof value === "string") return [[path.join("."), value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => wordsOf(each, [...path, key]));
}
function note(by: string, { data, errors }: Answer): void {
  for (const [path, value] of wordsOf(data)) answers.push({ by, path, value });
  for (const [path, value] of wordsOf(errors)) answers.push({ by, path: `errors.${path}`, value });
}

/** The same service, with every answer noted under the name of the one who asked. */
function overheard(): TestService {
  return {
    ...service,
    async ask(query, variables, token) {
      const answer = await service.ask(query, variables, token);
      note(token ?? "nobody", answer);
      return answer;
    },
  };
}

const idsOf = async (who: Pick<Learner, "ask">, list: string): Promise<string[]> => {
  const { data } = await who.ask(`{ ${list} { nodes { id } } }`);
  return data[list].nodes.map(({ id }: { id: string }) => id);
};
const quoted = (id: string | undefined) => JSON.stringify(id ?? "none");

/** All that can be asked about somebody, asked by somebody. */
async function askAll(by: string, about: Learner | typeof bob, asStaff = false): Promise<void> {
  const [invoice] = await idsOf(about, "invoices");
  const [payment] = await idsOf(about, "payments");
  const [purchase] = await idsOf(about, "purchases");
  const { data } = await about.ask("{ subscriptionStatus { id } plans { id } }");
  const subscription = quoted(data.subscriptionStatus?.id);
  const values: Arguments = {
    ...{ resourceType: "COURSE", resourceId: '"a course"', first: "5" },
    ...{ "Query.invoice.id": quoted(invoice), "Query.payment.id": quoted(payment) },
    ...{ "Query.purchase.id": quoted(purchase), "Query.plan.id": quoted(data.plans[1].id) },
    ...{ "Query.subscription.id": subscription, "Query.subscriptionHistory.id": subscription },
    ...{ subscriptionId: subscription, planId: quoted(data.plans[2].id) },
    ...(asStaff && { userId: quoted(about.userId), needsResponse: "false" }),
  };
  for (const query of askForEverything(schema, values)) await overheard().ask(query, {}, by);
}

async function subscribeAndStruggle(): Promise<void> {
  await ada.ask("mutation { createSetupIntent { clientSecret } }");
  await addCard(overheard(), ada.token, "tok_chargeDeclinedStolenCard");
  await addCard(overheard(), ada.token);
  await ada.subscribe();
  await ada.preview("Enterprise");
  await ada.changePlan("Enterprise");
  await ada.ask('mutation { createBillingPortalSession(returnUrl: "https://learn.example.com/") { url } }');
  await ada.cancel();
  await ada.resume();
  await ada.swapCard("pm_card_chargeCustomerFail");
  await ada.passPeriod();
  await ada.until(({ status }) => status === "PAST_DUE");
}

async function buyAndGiveBack(): Promise<void> {
  const [course, disputed, asked] = [newCourse(), newCourse(), newCourse()];
  for (const thing of [course, disputed, asked]) await putOnSale(overheard(), thing);
  const { data } = await bob.pay(course);
  const refund = "mutation ($id: ID!) { refundPayment(input: { paymentId: $id }) { status refunds { id } } }";
  await overheard().ask(refund, { id: data.createPurchase.purchase.payment.id }, admin);
  const lost = await bob.pay(disputed, await bob.card("tok_createDispute"));
  await bob.until(lost.data.createPurchase.purchase.id, "DISPUTED");
  await bob.pay(asked, await bob.card("tok_threeDSecure2Required"));
  await bob.page(newCourse());
  await bob.page(asked);
  const access = { scope: "COURSE", resourceId: "given", days: 3 };
  const make = "mutation ($input: CreatePromotionInput!) { createPromotion(input: $input) { id code } }";
  await overheard().ask(make, { input: { code: "SECRECY", access } }, admin);
  await bob.ask('mutation { redeemPromotion(input: { code: "SECRECY" }) { id access { id } } }');
}

/** What is logged, which is little while all goes well: refusals, outages, and what nobody expects. */
async function meetTrouble(): Promise<void> {
  const card = await newMethod(service);
  for (const status of [400, 401, 500, "reset"]) {
    await setFaults(service, { calls: [{ method: "POST", path: "/v1/*", times: 4, status, when: "after" }] });
    await addMethod(overheard(), bob.token, card);
    await bob.ask("mutation { createSetupIntent { clientSecret } }");
    await setFaults(service, { reset: true });
  }
  await overheard().ask("{ subscriptionStatus { id } }", {}, `${ada.token}forged`);
  await deliver(service, JSON.stringify(eventOf("customer.updated", { id: "cus_nobody" })));
  await deliver(service, "{}", `t=1,v1=${"0".repeat(64)}`);
}

beforeAll(async () => {
  service = await startService({ overrides: { logger } });
  redis = new Redis(service.redis.url);
  redis.on("pmessage", (_pattern, channel, message) => messages.push(`${channel} ${message}`));
  await redis.psubscribe("*");
  admin = await service.token("chief", "admin");
  [ada, bob] = await Promise.all([newLearner(overheard()), newBuyer(overheard())]);
  const listening = [ada, bob].map(({ token }) =>
    collect(service.live(token), "subscription { paymentEvents { id type payment { id description } } }", {
      onResult: (result) => note(token, result),
    }),
  );
  await subscribeAndStruggle();
  await buyAndGiveBack();
  await meetTrouble();
  await eventually(
    () => listening.map(({ results }) => results.length),
    (counts) => counts.every((count) => count > 1),
  );
  for (const about of [ada, bob]) {
    await askAll(about.token, about);
    await askAll(admin, about, true);
  }
  await askAll(await service.token("somebody"), ada);
  const reader = new Redis(service.redis.url);
  messages.push(JSON.stringify(await reader.xrange("payment-events", "-", "+")));
  reader.disconnect();
}, 120_000);
afterAll(async () => {
  redis?.disconnect();
  await service.stop();
});

/** Values that Stripe knows of both, as it has them: fingerprints of cards, secrets of what they paid. */
async function known(): Promise<string[]> {
  const stripe = stripeOf(service);
  const rows = await service.app.parts.orm.em
    .fork()
    .execute<{ id: string }[]>("select stripe_customer_id as id from customers");
  const methods = await Promise.all(
    rows.map(({ id }) => stripe.customers.listPaymentMethods(id, { limit: 100 })),
  );
  const intents = await stripe.paymentIntents.list({ limit: 100 });
  return [
    ...methods.flatMap(({ data }) => data.map(({ card }) => card?.fingerprint)),
    ...intents.data.map(({ client_secret }) => client_secret),
    ...[service.config.jwt.secret, service.config.stripe.secretKey, admin, ada.token, bob.token],
  ].filter((value): value is string => Boolean(value));
}
const isOwn = ({ path }: Said) => OWN.includes(path.split(".").at(-1) ?? "");

test("enough was said: every kind of answer, event and log line is there", async () => {
  const asked = new Set(answers.map(({ path }) => path.split(".")[0]));
  const roots = Object.keys(schema.getQueryType()!.getFields()).filter((name) => !name.startsWith("_"));
  expect([...asked]).toEqual(expect.arrayContaining(roots));
  for (const type of [
    "subscription.created",
    "payment.failed",
    "payment.refunded",
    "payment.disputed",
    "purchase.completed",
  ])
    expect(messages.join("\n")).toContain(`"type":"${type}"`);
  expect(lines.length).toBeGreaterThan(8);
  expect((await known()).length).toBeGreaterThan(8);
});

test("no id of Stripe's is in an answer, but for the session and the operators' view of the inbox", () => {
  const told = answers
    .filter((said) => !isOwn(said) && !MAY_BE_STRIPES.some((place) => place.test(said.path)))
    .flatMap(({ path, value }) => stripeIdsIn(value).map((id) => `${path}: ${id}`));
  expect(told).toEqual([]);
});

test("secrets and addresses of pages are told to their owner alone", () => {
  const mine = answers.filter(isOwn);
  expect(mine.length).toBeGreaterThan(3);
  expect(mine.filter(({ by }) => by !== ada.token && by !== bob.token)).toEqual([]);
});

test("no number, fingerprint or secret is in an answer", async () => {
  const text = answers
    .filter((said) => !isOwn(said))
    .map(({ path, value }) => `${path} ${value}`)
    .join("\n");
  expect(secretsIn(text)).toEqual([]);
  for (const secret of await known()) expect(text).not.toContain(secret);
});

test("events say what happened by our ids alone", async () => {
  const text = messages.join("\n");
  expect(stripeIdsIn(text)).toEqual([]);
  expect(secretsIn(text)).toEqual([]);
  for (const secret of await known()) expect(text).not.toContain(secret);
});

test("the log says nothing of a card, no secret, and no address where something is paid", async () => {
  const text = lines.map((line) => JSON.stringify(line)).join("\n");
  expect(secretsIn(text)).toEqual([]);
  const addresses = answers.filter(isOwn).map(({ value }) => value);
  for (const secret of [...(await known()), ...addresses]) expect(text).not.toContain(secret);
});

test("what is searched for would be found", () => {
  const found = secretsIn(
    `"sk_test_suite" whsec_abc "pi_123456789_secret_x" eyJhbGciOiJI.eyJzdWIiOiI1.c2lnbmF0dXJl {"fingerprint":"Xt5EWLLDS7FJjR1c"}
     4242424242424242 and 4000 0025 0000 3155 but neither 4242424242424241 nor 1795651200000`,
  );
  expect(found.map((each) => each.split(":")[0])).toEqual([
    ...["a key of Stripe's", "a signing secret", "a client's secret", "a token", "a fingerprint"],
    ...["a card's number", "a card's number"],
  ]);
  expect(stripeIdsIn("pm_1Qx23456 and sub_sched_1Qx23456 of user_12345678, pk_test_suite")).toHaveLength(2);
});

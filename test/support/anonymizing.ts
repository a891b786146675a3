import { randomUUID } from "node:crypto";
import { type Buyer, newBuyer, newCourse, putOnSale } from "./buyer.ts";
import { openCheckout, planId, subscribe } from "./checkout.ts";
import { type Answer, eventually, type TestService } from "./service.ts";
import { customerOf, stripeOf } from "./stripe.ts";
import { tracesOf } from "./traces.ts";

const ANONYMIZE = `mutation ($userId: ID!, $key: String) {
  anonymizeUser(userId: $userId, idempotencyKey: $key) { userId requestedAt finishedAt }
}`;

/** The admin who asks where a test does not say who. */
export const adminOf = (service: TestService) => service.token("admin-of-the-tests", "admin");

/** Asks for somebody to be anonymised: as the admin of the tests, unless another token is given. */
export async function anonymize(
  service: TestService,
  userId: string,
  { key, token }: { key?: string; token?: string } = {},
): Promise<Answer> {
  return service.ask(ANONYMIZE, { userId, key }, token ?? (await adminOf(service)));
}

export const codeOf = ({ errors }: Answer) => errors?.[0]?.extensions.code;

const executeIn = <T extends object>({ app }: TestService, sql: string, params: unknown[] = []) =>
  app.parts.orm.em.fork().execute<T[]>(sql, params);

/** As long as it is under way: asked for, and not one row severed. */
export const askedFor = (service: TestService, userId: string) =>
  executeIn(service, "insert into anonymized_users (user_id, pseudonym, requested_at) values (?, ?, now())", [
    userId,
    `anonymized:${randomUUID()}`,
  ]);

/** Until every event that has come is worked on. */
export const untilQuiet = (service: TestService) =>
  eventually(
    () => executeIn(service, "select 1 from stripe_events where status = 'pending' limit 1"),
    (rows) => rows.length === 0,
  );

/** A process that is gone has them for twenty seconds more. */
export const untilLeasesEnd = (service: TestService) =>
  executeIn(service, "update intents set lease_until = null where lease_until is not null");

/** Runs the round of those who are not finished now, whenever it would have been due. */
export async function carryOn({ app }: TestService): Promise<void> {
  await app.parts.cursors.restart("anonymizations", {}, 0);
  await app.parts.workers.rounds.run("anonymizations");
}

/** All that Stripe has told, in its order. */
export async function eventsOf(service: TestService) {
  const all = [];
  for await (const event of stripeOf(service).events.list({ limit: 100 })) all.push(event);
  return all.reverse();
}

/** Where one of these texts stands, of all that the service keeps. */
export const tracesIn = (service: TestService, words: string[]) =>
  tracesOf((sql) => executeIn<{ trace: string }>(service, sql), service.redis.url, words);

/** Somebody of whom there is one of everything. */
export async function somebody(service: TestService) {
  const admin = await adminOf(service);
  const ada: Buyer = await newBuyer(service);
  const mark = randomUUID().slice(0, 8);
  const who = {
    email: `ada.${mark}@example.org`,
    name: `Ada Lovelace ${mark}`,
    holder: `A LOVELACE ${mark}`,
    address: "192.0.2.77",
  };
  const course = newCourse();
  await putOnSale(service, course);
  const bought = (await ada.pay(course)).data.createPurchase.purchase.id;
  const disputed = newCourse();
  await putOnSale(service, disputed);
  await ada.pay(disputed, await ada.card("tok_createDispute"));
  const refused = newCourse();
  await putOnSale(service, refused);
  await ada.pay(refused, await ada.card("tok_chargeCustomerFail"));
  const customer = await customerOf(service, ada.userId);
  const stripe = stripeOf(service);
  await stripe.customers.update(customer, {
    ...{ email: who.email, name: who.name, phone: "+3215550100", description: `Teacher ${who.name}` },
    ...{ address: { line1: `${mark} Road` }, metadata: { nickname: who.name } },
    ...{ business_name: `${who.name} Ltd`, individual_name: who.name },
    ...{ preferred_locales: ["nl"], tax: { ip_address: who.address } },
    invoice_settings: { footer: `Thanks, ${who.name}`, custom_fields: [{ name: "For", value: mark }] },
  });
  await stripe.customers.createTaxId(customer, { type: "eu_vat", value: `BE${mark}` });
  const method = await stripe.paymentMethods.create({
    type: "card",
    card: { token: "tok_mastercard" },
    billing_details: { name: who.holder, email: who.email },
  });
  await stripe.paymentMethods.attach(method.id, { customer });
  await subscribe(service, ada.token);
  await eventually(
    () =>
      executeIn<{ email: string }>(service, "select email from customers where user_id = ?", [ada.userId]),
    ([row]) => row?.email === who.email,
  );
  const paid = await eventually(
    () => ada.purchase(bought),
    (shown) => shown?.payment?.status === "SUCCEEDED",
  );
  const REFUND = "mutation ($id: ID!) { refundPayment(input: { paymentId: $id, amount: 100 }) { id } }";
  await service.ask(REFUND, { id: paid.payment.id }, admin);
  const GRANT = `mutation ($input: GrantAccessInput!) { grantAccess(input: $input) { id } }`;
  const gift = { userId: ada.userId, scope: "COURSE", resourceId: "gift", reason: `for ${who.name}` };
  await service.ask(GRANT, { input: gift }, admin);
  await service.ask(
    'mutation { createBillingPortalSession(returnUrl: "https://learn.example.com/") { url } }',
    {},
    ada.token,
  );
  await openCheckout(service, ada.token, { planId: await planId(service, "Premium"), quantity: 1 });
  return { ada, who, customer, method: method.id, course, mark };
}

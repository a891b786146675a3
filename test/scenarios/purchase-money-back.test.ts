import { type Buyer, newBuyer, newCourse, putOnSale, sessionAt, type Thing } from "../support/buyer.ts";
import { type Answer, eventually, newUser, startService, type TestService } from "../support/service.ts";
import { atSandbox, customerOf, stripeOf } from "../support/stripe.ts";

let service: TestService;
let admin: string;
let ada: Buyer;
let course: Thing;
beforeAll(async () => {
  service = await startService();
  admin = await service.token(newUser(), "admin");
});
beforeEach(async () => {
  ada = await newBuyer(service);
  course = newCourse();
  await putOnSale(service, course);
});
afterAll(() => service.stop());

const REFUND = `mutation ($input: RefundPaymentInput!) { refundPayment(input: $input) { status } }`;
const made = ({ data }: Answer) => data.createPurchase.purchase;
const refund = (paymentId: string, more: object = {}) =>
  service.ask(REFUND, { input: { paymentId, ...more } }, admin);
const execute = (sql: string, values: unknown[]) => service.app.parts.orm.em.fork().execute(sql, values);
const refundsOf = async () => {
  const [charge] = (await stripeOf(service).charges.list({ customer: await customerOf(service, ada.userId) }))
    .data;
  return (await stripeOf(service).refunds.list({ charge: charge!.id })).data;
};

test("a refund in part leaves it open, the rest closes it, and it can be bought again", async () => {
  const method = await ada.card();
  const { id, payment } = made(await ada.pay(course, method));
  await refund(payment.id, { amount: 1_000 });
  expect(await ada.purchase(id)).toMatchObject({ status: "PARTIALLY_REFUNDED" });
  expect(await ada.may(course)).toBe(true);
  await refund(payment.id);
  expect(await ada.purchase(id)).toMatchObject({ status: "REFUNDED" });
  expect(await ada.may(course)).toBe(false);
  expect(made(await ada.pay(course, method))).toMatchObject({ status: "COMPLETED" });
  expect(await ada.may(course)).toBe(true);
});

test("whoever refunds says whether it stays open, and later syncs decide the same", async () => {
  const kept = made(await ada.pay(course));
  await refund(kept.payment.id, { access: "KEEP" });
  expect(await ada.purchase(kept.id)).toMatchObject({ status: "REFUNDED" });
  expect(await ada.may(course)).toBe(true);
  const other = newCourse();
  await putOnSale(service, other);
  const taken = made(await ada.pay(other));
  await refund(taken.payment.id, { amount: 100, access: "REVOKE" });
  expect(await ada.may(other)).toBe(false);
  for (const { payment } of [kept, taken]) {
    const [row] = await execute("select stripe_payment_intent_id as id from payments where id = ?", [
      payment.id,
    ]);
    await service.app.parts.sync.payment((row as { id: string }).id);
  }
  expect([await ada.may(course), await ada.may(other)]).toEqual([true, false]);
});

test("a refund that fails gives the course back", async () => {
  const { id, payment } = made(await ada.pay(course, await ada.card("tok_refundFail")));
  await refund(payment.id);
  expect(await ada.may(course)).toBe(false);
  const [sent] = await refundsOf();
  await atSandbox(service, `refunds/${sent?.id}`, { status: "failed", reason: "expired_or_canceled_card" });
  await ada.until(id, "COMPLETED");
  await ada.untilMay(course, true);
});

test.each([
  ["won", "COMPLETED", true],
  ["lost", "DISPUTED", false],
])("a dispute closes it until it is decided: %s", async (outcome, status, isOpen) => {
  const { id } = made(await ada.pay(course, await ada.card("tok_createDispute")));
  await ada.until(id, "DISPUTED");
  await ada.untilMay(course, false);
  const answer = await ada.pay(course);
  expect(answer.errors?.[0]?.extensions.code).toBe("ALREADY_PURCHASED");
  const [dispute] = (await stripeOf(service).disputes.list({ limit: 1 })).data;
  await atSandbox(service, `disputes/${dispute?.id}/close`, { outcome });
  // while it is open and when it is lost the purchase looks the same
  await eventually(
    () => execute("select 1 from disputes where user_id = ? and lower(status) = ?", [ada.userId, outcome]),
    (rows) => rows.length === 1,
  );
  await ada.untilMay(course, isOpen);
  await ada.until(id, status);
  if (!isOpen) expect(made(await ada.pay(course))).toMatchObject({ status: "COMPLETED" });
});

test("an inquiry is no dispute: the course stays open", async () => {
  const { id } = made(await ada.pay(course, await ada.card("tok_createDisputeInquiry")));
  await eventually(
    () => execute("select status from disputes where user_id = ?", [ada.userId]),
    (rows) => rows.length === 1,
  );
  expect(await ada.purchase(id)).toMatchObject({ status: "COMPLETED" });
  expect(await ada.may(course)).toBe(true);
});

test("money that comes for an order that was given up is honoured", async () => {
  const asked = await ada.page(course);
  await execute("update purchases set status = 'EXPIRED' where id = ?", [made(asked).id]);
  await execute("delete from purchase_slots where user_id = ?", [ada.userId]);
  await service.pay(await sessionAt(service, asked.data.createPurchase.checkoutUrl));
  await ada.until(made(asked).id, "COMPLETED");
  await ada.untilMay(course, true);
});

test("money that comes late makes what was begun since give way", async () => {
  const late = await ada.page(course);
  await execute("update purchases set status = 'EXPIRED' where id = ?", [made(late).id]);
  await execute("delete from purchase_slots where user_id = ?", [ada.userId]);
  const begun = await ada.page(course, { cancelUrl: "https://learn.example.com/elsewhere" });
  const [first, second] = await Promise.all(
    [late, begun].map(({ data }) => sessionAt(service, data.createPurchase.checkoutUrl)),
  );
  await service.pay(first as string);
  await ada.until(made(late).id, "COMPLETED");
  await ada.until(made(begun).id, "EXPIRED");
  await eventually(
    () => stripeOf(service).checkout.sessions.retrieve(second as string),
    ({ status }) => status === "expired",
  );
});

test("what was paid twice goes back, and the first stays open", async () => {
  const late = await ada.page(course);
  await execute("update purchases set status = 'EXPIRED' where id = ?", [made(late).id]);
  await execute("delete from purchase_slots where user_id = ?", [ada.userId]);
  const bought = made(await ada.pay(course));
  await service.pay(await sessionAt(service, late.data.createPurchase.checkoutUrl));
  await ada.until(made(late).id, "REFUNDED");
  expect(await ada.purchase(bought.id)).toMatchObject({ status: "COMPLETED" });
  expect(await ada.may(course)).toBe(true);
  expect((await refundsOf()).map(({ amount, reason }) => ({ amount, reason }))).toEqual([
    { amount: 4_900, reason: "duplicate" },
  ]);
  const sent = await execute(
    "select 1 from outbox where type = 'purchase.completed' and data->>'purchaseId' = ?",
    [made(late).id],
  );
  expect(sent).toEqual([]);
});

test("an order that our rows have lost is known again by what was paid for it", async () => {
  const { id } = made(await ada.pay(course));
  const [row] = (await execute("select stripe_payment_intent_id as id from purchases where id = ?", [
    id,
  ])) as {
    id: string;
  }[];
  for (const table of ["purchases", "purchase_slots", "user_access", "payments", "invoices"])
    await execute(`delete from ${table} where user_id = ?`, [ada.userId]);
  await service.app.parts.sync.payment(row!.id);
  expect(await ada.purchase(id)).toMatchObject({ status: "COMPLETED", ...course });
  expect(await ada.may(course)).toBe(true);
});

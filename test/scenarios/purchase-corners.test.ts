import { type Buyer, newBuyer, newCourse, putOnSale, sessionAt, type Thing } from "../support/buyer.ts";
import { passTime } from "../support/learner.ts";
import { addMethod } from "../support/methods.ts";
import { discountCode } from "../support/promotions.ts";
import { type Answer, eventually, startService, type TestService } from "../support/service.ts";
import { atSandbox, customerOf, setFaults, stripeOf } from "../support/stripe.ts";

let service: TestService;
let admin: string;
let ada: Buyer;
let course: Thing;
let path: Thing;
beforeAll(async () => {
  service = await startService();
  admin = await service.token("chief", "admin");
});
beforeEach(async () => {
  ada = await newBuyer(service);
  course = newCourse();
  path = { resourceType: "LEARNING_PATH", resourceId: `path-of-${course.resourceId}` };
  await putOnSale(service, course);
});
afterAll(() => service.stop());

const codeOf = ({ errors }: Answer) => errors?.[0]?.extensions.code;
const made = ({ data }: Answer) => data.createPurchase.purchase;
const urlOf = ({ data }: Answer): string => data.createPurchase.checkoutUrl;
const refund = (paymentId: string) =>
  service.ask(
    "mutation ($id: ID!) { refundPayment(input: { paymentId: $id }) { status } }",
    { id: paymentId },
    admin,
  );
const execute = <T extends object>(sql: string, values: unknown[]) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, values);
const giveUpOverdue = (id: string) =>
  eventually(
    async () => {
      await service.app.parts.deadlines.run(true);
      return ada.purchase(id);
    },
    ({ status }) => status === "EXPIRED",
  );

test("a balance at Stripe pays an invoice, and the course opens", async () => {
  const method = await ada.card();
  const customer = await customerOf(service, ada.userId);
  await stripeOf(service).customers.createBalanceTransaction(customer, { amount: -10_000, currency: "usd" });
  expect(made(await ada.pay(course, method))).toMatchObject({ status: "COMPLETED", payment: null });
  expect(await ada.may(course)).toBe(true);
});

test("an invoice that somebody notes as paid at Stripe opens the course", async () => {
  const asked = await ada.pay(course, await ada.card("tok_threeDSecure2Required"));
  const [invoice] = (
    await stripeOf(service).invoices.list({ customer: await customerOf(service, ada.userId) })
  ).data;
  await stripeOf(service).invoices.pay(invoice!.id, { paid_out_of_band: true });
  await ada.until(made(asked).id, "COMPLETED");
  await ada.untilMay(course, true);
  expect(codeOf(await ada.pay(course))).toBe("ALREADY_PURCHASED");
});

test("a draft that never got its line ends with its day, and the slot is free", async () => {
  const method = await ada.card();
  await setFaults(service, {
    calls: [{ method: "POST", path: "/v1/invoiceitems", times: 99, status: 500, when: "before" }],
  });
  expect(codeOf(await ada.pay(course, method))).toBe("PROVIDER_UNAVAILABLE");
  await passTime(service, 1.1);
  await setFaults(service, { reset: true });
  const [row] = await execute<{ id: string }>("select id from purchases where user_id = ?", [ada.userId]);
  await execute("update intents set next_try_at = now() - interval '6 seconds' where user_id = ?", [
    ada.userId,
  ]);
  await giveUpOverdue(row!.id);
  expect(made(await ada.pay(course, method))).toMatchObject({ status: "COMPLETED" });
});

test("a page that Stripe does not know any more makes way at once", async () => {
  const asked = await ada.page(course);
  const session = await sessionAt(service, urlOf(asked));
  await execute("update checkout_sessions set id = 'cs_test_of_nobody' where id = ?", [session]);
  await execute("update purchases set checkout_session_id = 'cs_test_of_nobody' where id = ?", [
    made(asked).id,
  ]);
  const again = await ada.page(course);
  expect(made(again).id).not.toBe(made(asked).id);
  expect(await ada.purchase(made(asked).id)).toMatchObject({ status: "EXPIRED" });
});

test("a path that cost nothing because of a course closes when that course's money goes back", async () => {
  await putOnSale(service, path, {
    ...{ amount: 4_000, courseIds: [course.resourceId, "part-two"], creditsOwnedCourses: true },
  });
  const bought = made(await ada.pay(course));
  expect(made(await ada.page(path))).toMatchObject({ status: "COMPLETED" });
  await refund(bought.payment.id);
  expect([await ada.may(course), await ada.may(path)]).toEqual([false, false]);
});

test("staff end what cost nothing by a code, for good; what was paid for is refunded instead", async () => {
  const { code } = await discountCode(service, { percentOff: 100 });
  const free = made(await ada.page(course, { promotionCode: code }));
  expect(free).toMatchObject({ status: "COMPLETED", payment: null });
  const grants = async () => (await ada.ask("{ userAccess { id } }")).data.userAccess;
  const revoke = async () =>
    service.ask(
      'mutation ($id: ID!) { revokeAccess(id: $id, reason: "a mistake") { isActive } }',
      { id: (await grants())[0].id },
      admin,
    );
  expect((await revoke()).data.revokeAccess).toEqual({ isActive: false });
  expect(await ada.may(course)).toBe(false);
  await ada.pay(course);
  expect(codeOf(await revoke())).toBe("CONFLICT");
  expect(await ada.may(course)).toBe(true);
});

test("a bank debit on a page where a card was declined before is waited for", async () => {
  const asked = await ada.page(course);
  const session = await sessionAt(service, urlOf(asked));
  await service.pay(session, "pm_card_visa_chargeDeclined");
  await eventually(
    () => execute("select 1 from payments where user_id = ? and status = 'FAILED'", [ada.userId]),
    (rows) => rows.length === 1,
  );
  await service.pay(session, "pm_usBankAccount_success");
  await eventually(
    () => execute("select 1 from payments where user_id = ? and status = 'PROCESSING'", [ada.userId]),
    (rows) => rows.length === 1,
  );
  expect(await ada.purchase(made(asked).id)).toMatchObject({ status: "PENDING" });
  const other = await ada.pay(course);
  expect(other.errors?.[0]).toMatchObject({
    message: expect.stringContaining("bank is still working"),
    extensions: { code: "CONFLICT" },
  });
  await passTime(service, 6);
  await ada.until(made(asked).id, "COMPLETED");
});

test("a page of a course is closed when a path with it is bought; what was paid there all the same goes back", async () => {
  await putOnSale(service, path, { amount: 12_000, courseIds: [course.resourceId] });
  const page = await ada.page(course);
  await execute("update purchases set status = 'EXPIRED' where id = ?", [made(page).id]);
  const session = await sessionAt(service, urlOf(page));
  await ada.pay(path);
  await service.pay(session);
  await ada.until(made(page).id, "REFUNDED");
  expect(await ada.may(course)).toBe(true);

  const second = newCourse();
  const both: Thing = { resourceType: "LEARNING_PATH", resourceId: `path-of-${second.resourceId}` };
  await putOnSale(service, second);
  await putOnSale(service, both, { amount: 12_000, courseIds: [second.resourceId] });
  const open = await ada.page(second);
  const left = await sessionAt(service, urlOf(open));
  await ada.pay(both);
  expect(await ada.purchase(made(open).id)).toMatchObject({ status: "EXPIRED" });
  await eventually(
    () => stripeOf(service).checkout.sessions.retrieve(left),
    ({ status }) => status === "expired",
  );
});

test("a method that cannot pay in this currency is refused by name, and nothing is left", async () => {
  const debit = await stripeOf(service).paymentMethods.create({
    ...{ type: "sepa_debit", billing_details: { name: "Ada", email: "ada@example.com" } },
    sepa_debit: { iban: "DE89370400440532013000" },
  });
  const { data } = await addMethod(service, ada.token, debit.id);
  const refused = await ada.pay(course, data.addPaymentMethod.id);
  expect(refused.errors?.[0]?.extensions).toMatchObject({
    ...{ code: "BAD_USER_INPUT", field: "input.paymentMethodId" },
  });
  expect(made(await ada.pay(course))).toMatchObject({ status: "COMPLETED" });
  await atSandbox(service, "faults", { reset: true });
});

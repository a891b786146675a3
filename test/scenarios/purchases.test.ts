import { type Buyer, newBuyer, newCourse, putOnSale, sessionAt, type Thing } from "../support/buyer.ts";
import { newLearner, passTime } from "../support/learner.ts";
import { addMethod } from "../support/methods.ts";
import { type Answer, collect, eventually, startService, type TestService } from "../support/service.ts";
import { atSandbox, customerOf, setFaults, stripeOf } from "../support/stripe.ts";

let service: TestService;
let ada: Buyer;
let course: Thing;
beforeAll(async () => {
  service = await startService();
});
beforeEach(async () => {
  ada = await newBuyer(service);
  course = newCourse();
  await putOnSale(service, course);
});
afterAll(() => service.stop());

const codeOf = ({ errors }: Answer) => errors?.[0]?.extensions.code;
const field = ({ errors }: Answer) => errors?.[0]?.extensions.field;
const made = ({ data }: Answer) => data.createPurchase.purchase;
const invoices = async () =>
  (await stripeOf(service).invoices.list({ customer: await customerOf(service, ada.userId) })).data;
const completions = async (purchaseId: string) =>
  service.app.parts.orm.em
    .fork()
    .execute<{ type: string }[]>(
      "select type from outbox where type = 'purchase.completed' and data->>'purchaseId' = ?",
      [purchaseId],
    );

test("a stored card pays at once, on an invoice, and the course is open in the same answer", async () => {
  const bought = await ada.pay(course);
  expect(bought.errors).toBeUndefined();
  expect(bought.data.createPurchase).toMatchObject({
    checkoutUrl: null,
    clientSecret: null,
    purchase: {
      status: "COMPLETED",
      amount: { amount: 4_900, currency: "USD" },
      purchasedAt: expect.any(String),
      payment: {
        status: "SUCCEEDED",
        amount: { amount: 4_900 },
        purchase: { id: made(bought).id },
        invoice: { status: "PAID", number: expect.any(String), total: { amount: 4_900 } },
      },
    },
  });
  expect(await ada.may(course)).toBe(true);
  expect(await ada.may(newCourse())).toBe(false);
  expect(await completions(made(bought).id)).toHaveLength(1);
  expect(codeOf(await ada.pay(course))).toBe("ALREADY_PURCHASED");
  expect(await invoices()).toHaveLength(1);
});

test("a bank that asks is answered, and the purchase completes", async () => {
  const asked = await ada.pay(course, await ada.card("tok_threeDSecure2Required"));
  expect(made(asked)).toMatchObject({ status: "PENDING", purchasedAt: null });
  expect(asked.data.createPurchase.clientSecret).toMatch(/^pi_.*_secret_/);
  expect(await ada.may(course)).toBe(false);
  await answerBank("succeed");
  await ada.until(made(asked).id, "COMPLETED");
  expect(await ada.may(course)).toBe(true);
  expect(await completions(made(asked).id)).toHaveLength(1);
});

test("a bank that asked and was refused leaves a failed purchase, nothing to pay, and the slot free", async () => {
  const asked = await ada.pay(course, await ada.card("tok_threeDSecure2Required"));
  await answerBank("fail");
  await ada.until(made(asked).id, "FAILED");
  await eventually(invoices, ([invoice]) => invoice?.status === "void");
  expect(made(await ada.pay(course))).toMatchObject({ status: "COMPLETED" });
});

test("a declined card leaves nothing: a code, a void invoice, and another card pays", async () => {
  const declined = await ada.pay(course, await ada.card("tok_chargeCustomerFail"));
  expect(declined.errors?.[0]?.extensions).toMatchObject({
    code: "PAYMENT_DECLINED",
    declineCode: "generic_decline",
  });
  expect((await invoices()).map(({ status }) => status)).toEqual(["void"]);
  expect((await ada.ask("{ purchases { nodes { status } } }")).data.purchases.nodes).toEqual([
    { status: "FAILED" },
  ]);
  expect(await ada.may(course)).toBe(false);
  expect(made(await ada.pay(course))).toMatchObject({ status: "COMPLETED" });
});

test("a page is paid: the return page sees it before any webhook, and who listens hears of it once", async () => {
  const events = collect(service.live(ada.token), "subscription { paymentEvents { type purchase { id } } }");
  const asked = await ada.page(course);
  const url: string = asked.data.createPurchase.checkoutUrl;
  const session = await sessionAt(service, url);
  expect(made(await ada.page(course)).id).toBe(made(asked).id);
  await service.pay(session);
  const confirmed = await ada.ask(
    "mutation ($id: ID!) { confirmCheckout(sessionId: $id) { isPaid subscription { id } purchase { id status } } }",
    { id: session },
  );
  expect(confirmed.data.confirmCheckout).toEqual({
    isPaid: true,
    subscription: null,
    purchase: { id: made(asked).id, status: "COMPLETED" },
  });
  expect(await ada.may(course)).toBe(true);
  await eventually(
    () => events.results.map(({ data }) => data.paymentEvents),
    (seen) => seen.some(({ type }) => type === "PURCHASE_COMPLETED"),
  );
  events.stop();
  // the invoice of what was paid comes after the payment
  const { payment } = await eventually(
    () => ada.purchase(made(asked).id),
    (shown) => shown.payment?.invoice != null,
  );
  expect(payment.invoice).toMatchObject({ status: "PAID", total: { amount: 4_900 } });
  expect(await completions(made(asked).id)).toHaveLength(1);
  expect(codeOf(await ada.page(course))).toBe("ALREADY_PURCHASED");
});

test("a page that is left expires after a day and frees the slot", async () => {
  const left = await ada.page(course);
  await passTime(service, 1.1);
  await ada.until(made(left).id, "EXPIRED");
  expect(await ada.purchase(made(left).id)).toMatchObject({ payment: null, purchasedAt: null });
  const next = await ada.page(course);
  expect(made(next).id).not.toBe(made(left).id);
});

test("what a bank was asked and nobody answers is given up after a day", async () => {
  const asked = await ada.pay(course, await ada.card("tok_threeDSecure2Required"));
  await passTime(service, 1);
  await eventually(
    async () => {
      await service.app.parts.deadlines.run(true);
      return ada.purchase(made(asked).id);
    },
    ({ status }) => status === "EXPIRED",
  );
  expect((await invoices()).map(({ status }) => status)).toEqual(["void"]);
});

test("a bank debit is waited for, however long it takes, and fails without a trace", async () => {
  const debit = await stripeOf(service).paymentMethods.create({
    ...{ type: "us_bank_account", billing_details: { name: "Ada", email: "ada@example.com" } },
    us_bank_account: {
      ...{ account_holder_type: "individual", account_number: "000111111116", routing_number: "110000000" },
    },
  });
  const { data } = await addMethod(service, ada.token, debit.id);
  const asked = await ada.pay(course, data.addPaymentMethod.id);
  expect(made(asked)).toMatchObject({ status: "PENDING" });
  expect(codeOf(await ada.pay(course))).toBe("CONFLICT");
  await ada.until(made(asked).id, "PENDING");
  expect(await ada.may(course)).toBe(false);
  await passTime(service, 6);
  await ada.until(made(asked).id, "FAILED");
  await eventually(invoices, ([invoice]) => invoice?.status === "void");
  expect(made(await ada.pay(course))).toMatchObject({ status: "COMPLETED" });
});

test("another way to pay takes the place of a page that was begun, unless that was paid meanwhile", async () => {
  const begun = await ada.page(course);
  const session = await sessionAt(service, begun.data.createPurchase.checkoutUrl);
  expect(made(await ada.pay(course))).toMatchObject({ status: "COMPLETED" });
  expect(await ada.purchase(made(begun).id)).toMatchObject({ status: "EXPIRED" });
  expect((await service.pay(session)).ok).toBe(false);

  const other = newCourse();
  await putOnSale(service, other);
  const paid = await ada.page(other);
  await setFaults(service, { webhooks: { drop: 1 } });
  await service.pay(await sessionAt(service, paid.data.createPurchase.checkoutUrl));
  expect(codeOf(await ada.pay(other))).toBe("ALREADY_PURCHASED");
  await setFaults(service, { reset: true });
  expect(await ada.may(other)).toBe(true);
});

test("ten tabs buy it once", async () => {
  const method = await ada.card();
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, tab) => (tab % 2 ? ada.pay(course, method) : ada.page(course))),
  );
  for (const answer of answers)
    expect([undefined, "ALREADY_PURCHASED", "CONFLICT"]).toContain(codeOf(answer));
  const paid = (await invoices()).filter(({ status }) => status === "paid");
  expect(paid.length).toBeLessThanOrEqual(1);
  const { data } = await ada.ask("{ purchases { nodes { status } } }");
  const standing = data.purchases.nodes.filter(({ status }: { status: string }) =>
    ["PENDING", "COMPLETED"].includes(status),
  );
  expect(standing.length).toBeLessThanOrEqual(1);
});

test("an answer that never came is found out, and the card is charged once", async () => {
  const method = await ada.card();
  const idempotencyKey = "buy-1";
  await setFaults(service, {
    calls: [{ method: "POST", path: "/v1/invoices/*/pay", times: 9, status: "reset", when: "after" }],
  });
  expect(codeOf(await ada.pay(course, method, { idempotencyKey }))).toBe("PROVIDER_UNAVAILABLE");
  await setFaults(service, { reset: true });
  const again = await eventually(
    () => ada.pay(course, method, { idempotencyKey }),
    ({ data }) => data?.createPurchase != null,
  );
  expect(made(again)).toMatchObject({ status: "COMPLETED" });
  const [charge, ...more] = (
    await stripeOf(service).charges.list({ customer: await customerOf(service, ada.userId) })
  ).data;
  expect([charge?.amount, more]).toEqual([4_900, []]);
});

test("a subscriber may buy too, and keeps what was bought when the subscription ends", async () => {
  const learner = await newLearner(service);
  await learner.subscribe();
  const buyer = { ...(await newBuyer(service)), ...learner };
  const { data } = await eventually(
    () => learner.ask("{ paymentMethods { id } }"),
    (answer) => answer.data.paymentMethods.length === 1,
  );
  const bought = await learner.ask(
    `mutation ($input: CreatePurchaseInput!) { createPurchase(input: $input) { purchase { status } } }`,
    { input: { ...course, paymentMethodId: data.paymentMethods[0].id } },
  );
  expect(bought.data.createPurchase.purchase.status).toBe("COMPLETED");
  await learner.cancel({ atPeriodEnd: false });
  expect(await learner.may()).toBe(false);
  const { accessTo } = (
    await buyer.ask(
      "query ($resourceType: PurchasableType!, $resourceId: ID!) { accessTo(resourceType: $resourceType, resourceId: $resourceId) { granted source expiresAt } }",
      course,
    )
  ).data;
  expect(accessTo).toEqual({ granted: true, source: "PURCHASE", expiresAt: null });
});

test("Course.viewerPurchase is the one that stands, for its viewer alone", async () => {
  const QUERY = `query ($refs: [_Any!]!) { _entities(representations: $refs) {
    ... on Course { id viewerPurchase { id status } viewerAccess { granted } } } }`;
  const refs = { refs: [{ __typename: "Course", id: course.resourceId }] };
  await ada.pay(course, await ada.card("tok_chargeCustomerFail"));
  const bought = made(await ada.pay(course));
  expect((await ada.ask(QUERY, refs)).data._entities[0]).toEqual({
    ...{ id: course.resourceId, viewerAccess: { granted: true } },
    viewerPurchase: { id: bought.id, status: "COMPLETED" },
  });
  const other = await newBuyer(service);
  expect((await other.ask(QUERY, refs)).data._entities[0]).toMatchObject({ viewerPurchase: null });
  expect((await service.ask(QUERY, refs)).data._entities[0]).toMatchObject({ viewerPurchase: null });
});

test("each wrong input has its code and changes nothing", async () => {
  const unknown = { resourceType: "COURSE", resourceId: "nobody-sells-this" } as const;
  expect(codeOf(await ada.page(unknown))).toBe("NOT_FOUND");
  const withdrawn = newCourse();
  await putOnSale(service, withdrawn, { isActive: false });
  expect(codeOf(await ada.page(withdrawn))).toBe("OFFER_INACTIVE");
  const theirs = await (await newBuyer(service)).card();
  for (const [answer, where] of [
    [await ada.pay(course, theirs), "input.paymentMethodId"],
    [await ada.pay(course, "none"), "input.paymentMethodId"],
    [await ada.page(course, { successUrl: null }), "input.successUrl"],
    [await ada.page(course, { cancelUrl: null }), "input.cancelUrl"],
    [await ada.page(course, { successUrl: "https://evil.example" }), "input.successUrl"],
    [await ada.page({ ...course, resourceId: "" }), "input.resourceId"],
    [await ada.page({ ...course, resourceId: "x".repeat(129) }), "input.resourceId"],
  ] as const)
    expect([codeOf(answer), field(answer)]).toEqual(["BAD_USER_INPUT", where]);
  expect((await ada.ask("{ purchases { totalCount } }")).data.purchases.totalCount).toBe(0);
});

async function answerBank(outcome: "succeed" | "fail"): Promise<void> {
  const customer = await customerOf(service, ada.userId);
  const [intent] = (await stripeOf(service).paymentIntents.list({ customer })).data;
  await atSandbox(service, `payment_intents/${intent?.id}/authenticate`, { outcome });
}

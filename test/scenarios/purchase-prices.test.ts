import { type Buyer, newBuyer, newCourse, putOnSale, type Thing } from "../support/buyer.ts";
import { type Answer, startService, type TestService } from "../support/service.ts";

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

test("a path opens its courses, and courses that were bought before are credited when the offer says so", async () => {
  const path: Thing = { resourceType: "LEARNING_PATH", resourceId: `path-of-${course.resourceId}` };
  const other = newCourse();
  const courseIds = [course.resourceId, other.resourceId];
  await putOnSale(service, path, { amount: 12_000, courseIds, creditsOwnedCourses: true });
  const method = await ada.card();
  await ada.pay(course, method);
  const bought = made(await ada.pay(path, method));
  expect(bought).toMatchObject({
    status: "COMPLETED",
    amount: { amount: 7_100 },
    credited: { amount: 4_900 },
  });
  expect(await ada.may(other)).toBe(true);
  expect(codeOf(await ada.pay(other, method))).toBe("NOT_FOUND");
  await putOnSale(service, other);
  expect(codeOf(await ada.pay(other, method))).toBe("ALREADY_PURCHASED");
  const late = newCourse();
  await putOnSale(service, path, { amount: 12_000, courseIds: [...courseIds, late.resourceId] });
  expect(await ada.may(late)).toBe(true);
});

test("what is credited in full costs nothing and is open at once", async () => {
  const path: Thing = { resourceType: "LEARNING_PATH", resourceId: `path-of-${course.resourceId}` };
  await putOnSale(service, path, {
    ...{ amount: 4_000, courseIds: [course.resourceId, "another"], creditsOwnedCourses: true },
  });
  const method = await ada.card();
  await ada.pay(course, method);
  const idempotencyKey = "free";
  const free = made(await ada.page(path, { idempotencyKey }));
  expect(free).toMatchObject({
    ...{ status: "COMPLETED", amount: { amount: 0 }, credited: { amount: 4_000 }, payment: null },
  });
  expect(made(await ada.page(path, { idempotencyKey }))).toEqual(free);
  expect(await ada.may({ resourceType: "COURSE", resourceId: "another" })).toBe(true);
});

test("a code takes its part off, on a page and with a card, and is used once it was paid for", async () => {
  const admin = await service.token("chief", "admin");
  const code = `COURSE-${course.resourceId}`;
  await service.ask(
    "mutation ($input: CreatePromotionInput!) { createPromotion(input: $input) { id } }",
    { input: { code, discount: { percentOff: 50 }, maxRedemptions: 1 } },
    admin,
  );
  const uses = async () =>
    (
      await service.ask(
        "query ($code: String) { promotions(code: $code) { nodes { redemptionCount } } }",
        { code },
        admin,
      )
    ).data.promotions.nodes[0].redemptionCount;
  const promotionCode = code.toLowerCase();
  expect(codeOf(await ada.pay(course, await ada.card("tok_chargeCustomerFail"), { promotionCode }))).toBe(
    "PAYMENT_DECLINED",
  );
  const begun = await ada.page(course, { promotionCode });
  expect(made(begun)).toMatchObject({ amount: { amount: 2_450 }, discounted: { amount: 2_450 } });
  const other = await newBuyer(service);
  const late = await other.page(course, { promotionCode });
  expect([codeOf(late), field(late)]).toEqual(["PROMOTION_EXHAUSTED", "input.promotionCode"]);
  expect(await uses()).toBe(0);
  const bought = made(await ada.pay(course, undefined, { promotionCode }));
  expect(bought).toMatchObject({ status: "COMPLETED", payment: { amount: { amount: 2_450 } } });
  expect(await uses()).toBe(1);
  expect((await other.page(course, { promotionCode: "misspelt" })).errors?.[0]?.extensions).toMatchObject({
    ...{ code: "BAD_USER_INPUT", field: "input.promotionCode" },
  });
});

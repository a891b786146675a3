import { v7 } from "uuid";
import { holdPlace, placeIsUsed } from "../../src/services/promotion-places.ts";
import { discountFor } from "../../src/services/purchase-discounts.ts";
import { type Buyer, newBuyer, newCourse, putOnSale, type Thing } from "../support/buyer.ts";
import { planId } from "../support/checkout.ts";
import { discountCode, shownPromotion } from "../support/promotions.ts";
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

describe("with a promotion code", () => {
  const exhausted = { code: "PROMOTION_EXHAUSTED", details: { field: "input.promotionCode" } };
  const em = () => service.app.parts.orm.em.fork();
  const now = () => service.app.parts.clock.now();
  const promotion = (discount: object, more: object = {}) => discountCode(service, discount, more);
  const usesOf = async (code: string) => (await shownPromotion(service, code)).redemptionCount;
  const off = (code: string, more: object = {}) => {
    const item = { resourceType: "COURSE", resourceId: "rust", amountMinor: 4_999, currency: "USD" } as const;
    const typed = { code, field: "input.promotionCode" };
    return discountFor(em(), typed, { userId: ada.userId, ...item, ...more }, now());
  };

  test("a percentage is rounded half up, an amount never more than the price, also without cents", async () => {
    const third = await promotion({ percentOff: 33, resourceType: "COURSE", resourceId: "rust" });
    expect(await off(third.code)).toEqual({ promotionId: third.id, amountOffMinor: 1_650 });
    expect(await off(third.code, { amountMinor: 50 })).toMatchObject({ amountOffMinor: 17 });
    expect(await off(third.code, { amountMinor: 5, currency: "JPY" })).toMatchObject({ amountOffMinor: 2 });
    const all = await promotion({ percentOff: 100 });
    expect(await off(all.code)).toMatchObject({ amountOffMinor: 4_999 });
    const yen = await promotion({ amountOff: 900, currency: "JPY" });
    expect(await off(yen.code, { amountMinor: 800, currency: "JPY" })).toMatchObject({ amountOffMinor: 800 });
    const refused = { code: "PROMOTION_NOT_APPLICABLE" };
    await expect(off(yen.code)).rejects.toMatchObject(refused);
    await expect(off(third.code, { resourceId: "go" })).rejects.toMatchObject(refused);
    const plan = await promotion({ percentOff: 50, planId: await planId(service) });
    await expect(off(plan.code)).rejects.toMatchObject(refused);
    await expect(off("OFF-NOTHING")).rejects.toMatchObject({ code: "BAD_USER_INPUT" });
  });

  test("a purchase holds a place until it failed, and one that is paid late is used all the same", async () => {
    const { id, code } = await promotion({ percentOff: 50 }, { maxRedemptions: 1 });
    const hold = (purchaseId: string, userId: string) =>
      em().transactional((tx) =>
        holdPlace(tx, { promotionId: id, userId, purchaseId }, now(), "input.promotionCode"),
      );
    const [first, second] = [v7(), v7()];
    await em().execute(
      `insert into purchases (id, user_id, resource_type, resource_id, amount_minor, currency, status, version,
         created_at, pay_before)
       select id::uuid, id, 'COURSE', 'rust', 100, 'USD', 'PENDING', 1, now(), now()
         from unnest(array[?::text, ?::text]) as begun (id)`,
      [first, second],
    );
    await hold(first, ada.userId);
    await hold(first, ada.userId);
    await expect(hold(second, "bob")).rejects.toMatchObject(exhausted);
    await em().execute("update purchases set status = 'EXPIRED' where id = ?", [first]);
    await hold(second, "bob");
    await expect(off(code)).rejects.toMatchObject(exhausted);
    await placeIsUsed({ tx: em(), now: now(), audit: () => {} }, { purchaseId: first });
    expect(await usesOf(code)).toBe(1);
  });

  test("a course is bought for less, on a page or by a card, and no code is used by what is not paid", async () => {
    await putOnSale(service, course, { amount: 4_999 });
    const { code } = await promotion({ percentOff: 33, ...course }, { maxRedemptions: 1 });
    const promotionCode = code.toLowerCase();
    const declined = await ada.pay(course, await ada.card("tok_chargeCustomerFail"), { promotionCode });
    expect(codeOf(declined)).toBe("PAYMENT_DECLINED");
    const page = await ada.page(course, { promotionCode });
    const price = { amount: { amount: 3_349 }, discounted: { amount: 1_650 } };
    expect(made(page)).toMatchObject({ status: "PENDING", ...price });
    expect((await ada.page(course, { promotionCode })).data).toEqual(page.data);
    const other = await newBuyer(service);
    const late = await other.page(course, { promotionCode });
    expect([codeOf(late), field(late)]).toEqual(["PROMOTION_EXHAUSTED", "input.promotionCode"]);
    expect(await usesOf(code)).toBe(0);
    expect(made(await ada.pay(course, await ada.card(), { promotionCode }))).toMatchObject({
      status: "COMPLETED",
      payment: { amount: { amount: 3_349 }, invoice: { total: { amount: 3_349 } } },
    });
    expect(await usesOf(code)).toBe(1);
  });

  test("a code that is wrong is refused, and says so of itself", async () => {
    const { code } = await promotion({ percentOff: 33, resourceType: "COURSE", resourceId: "another" });
    const cases = { [code]: "PROMOTION_NOT_APPLICABLE", nobodys: "BAD_USER_INPUT", "": "BAD_USER_INPUT" };
    for (const [promotionCode, refusal] of Object.entries(cases)) {
      const refused = await ada.page(course, { promotionCode });
      expect([codeOf(refused), field(refused)]).toEqual([refusal, "input.promotionCode"]);
    }
  });

  test("what is left is not charged when it is less than can be, and what costs nothing is open at once", async () => {
    await putOnSale(service, course, { amount: 500 });
    const { code } = await promotion({ amountOff: 470, currency: "USD" }, { maxRedemptions: 1 });
    const free = await ada.page(course, { promotionCode: code });
    expect(free.data.createPurchase).toMatchObject({
      checkoutUrl: null,
      purchase: { status: "COMPLETED", amount: { amount: 0 } },
    });
    expect(await ada.may(course)).toBe(true);
    expect(await usesOf(code)).toBe(1);
    const late = await newBuyer(service);
    expect(codeOf(await late.page(course, { promotionCode: code }))).toBe("PROMOTION_EXHAUSTED");
    expect((await late.ask("{ purchases { totalCount } }")).data.purchases.totalCount).toBe(0);
  });
});

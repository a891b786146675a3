import { newCourse, putOnSale } from "../support/buyer.ts";
import { openCheckout } from "../support/checkout.ts";
import { type Learner, newLearner } from "../support/learner.ts";
import { newUser, startService, type TestService } from "../support/service.ts";

const THEN = `query ($userId: ID!, $type: PurchasableType!, $id: ID!, $asOf: DateTime) {
  accessTo(userId: $userId, resourceType: $type, resourceId: $id, asOf: $asOf) {
    granted source expiresAt cause { at actor action reason causedBy } } }`;
const GRANT = "mutation ($input: GrantAccessInput!) { grantAccess(input: $input) { id } }";
const REVOKE = 'mutation ($id: ID!) { revokeAccess(id: $id, reason: "A mistake.") { id } }';

let service: TestService;
let admin: string;
let staff: string;
beforeAll(async () => {
  service = await startService();
  staff = newUser();
  admin = await service.token(staff, "admin");
});
afterAll(() => service.stop());

const ask = (userId: string, { resourceType: type, resourceId: id }: Thing, asOf?: Date, token = admin) =>
  service.ask(THEN, { userId, type, id, asOf: asOf?.toISOString() }, token);
type Thing = ReturnType<typeof newCourse> | { resourceType: "LEARNING_PATH"; resourceId: string };
const then = async (userId: string, thing: Thing, asOf: Date) => {
  const { data, errors } = await ask(userId, thing, asOf);
  expect(errors).toBeUndefined();
  return data.accessTo;
};
/** A moment between what was done before it and what is done after it. */
async function moment(): Promise<Date> {
  await new Promise((resolve) => setTimeout(resolve, 5));
  const now = service.app.parts.clock.now();
  await new Promise((resolve) => setTimeout(resolve, 5));
  return now;
}

test("tells for each moment what was decided, and who gave and who took it, with their reasons", async () => {
  const userId = newUser();
  const course = newCourse();
  const never = await moment();
  const input = { userId, scope: "COURSE", resourceId: course.resourceId, reason: "A prize." };
  const { data } = await service.ask(GRANT, { input }, admin);
  const given = await moment();
  await service.ask(REVOKE, { id: data.grantAccess.id }, admin);
  const taken = await moment();
  expect(await then(userId, course, never)).toEqual({
    ...{ granted: false, source: null, expiresAt: null, cause: null },
  });
  expect(await then(userId, course, given)).toMatchObject({
    ...{ granted: true, source: "GIFT", expiresAt: null },
    cause: { actor: `admin:${staff}`, action: "created", reason: "A prize.", causedBy: null },
  });
  expect(await then(userId, course, taken)).toMatchObject({
    ...{ granted: false, source: null },
    cause: { actor: `admin:${staff}`, action: "changed", reason: "A mistake." },
  });
  expect(await then(userId, newCourse(), given)).toMatchObject({ granted: false, cause: null });
});

test("names the event of Stripe's that opened the platform, and the one after which it was closed", async () => {
  const pays = async () => {
    const learner: Learner = await newLearner(service);
    const { data } = await openCheckout(service, learner.token);
    await service.pay(data.createCheckoutSession.id);
    await learner.until((subscription) => subscription?.grantsAccess);
    const paid = await moment();
    return { ada: learner, paid, ...(await then(learner.userId, newCourse(), paid)) };
  };
  let story = await pays();
  // whoever looks without an event, as the minute's sweep does, may be the first to see the payment, and names none
  for (let more = 2; more > 0 && story.cause.causedBy === null; more--) story = await pays();
  const { ada, paid, granted, source, cause } = story;
  expect([granted, source, cause.actor]).toEqual([true, "SUBSCRIPTION", "stripe"]);
  expect(cause.causedBy).toMatch(/^evt_/);
  await ada.cancel({ atPeriodEnd: false });
  expect(await then(ada.userId, newCourse(), await moment())).toMatchObject({ granted: false });
  expect(await then(ada.userId, newCourse(), paid)).toMatchObject({ granted: true, cause });
});

test("judges by what was standard, and in the path, at that moment", async () => {
  const [subscriber, walker] = [newUser(), newUser()];
  const course = newCourse();
  const path = { resourceType: "LEARNING_PATH" as const, resourceId: `path-${newUser()}` };
  const gifts = [
    { userId: subscriber, scope: "PLATFORM", reason: "x" },
    { userId: walker, scope: "LEARNING_PATH", resourceId: path.resourceId, reason: "x" },
  ];
  for (const input of gifts) await service.ask(GRANT, { input }, admin);
  const before = await moment();
  await putOnSale(service, course, { isStandard: false });
  await putOnSale(service, path as never, { courseIds: [course.resourceId] });
  const during = await moment();
  await putOnSale(service, course, { isStandard: true });
  await putOnSale(service, path as never, { courseIds: [] });
  const after = await moment();
  const decisions = async (userId: string) =>
    Promise.all([before, during, after].map(async (asOf) => (await then(userId, course, asOf)).granted));
  expect(await decisions(subscriber)).toEqual([true, false, true]);
  expect(await decisions(walker)).toEqual([false, true, false]);
  expect((await then(subscriber, course, during)).cause).toMatchObject({ action: "upsertOffer" });
});

test("names of equally long grants the one that the question itself names", async () => {
  const userId = newUser();
  const course = newCourse();
  const narrow = { userId, scope: "COURSE", resourceId: course.resourceId, reason: "For the course." };
  await service.ask(GRANT, { input: narrow }, admin);
  await service.ask(GRANT, { input: { userId, scope: "PLATFORM", reason: "For all." } }, admin);
  const { cause } = await then(userId, course, await moment());
  expect(cause.reason).toBe("For the course.");
});

test("is for admins, and for moments that have been", async () => {
  const userId = newUser();
  const course = newCourse();
  const asOf = await moment();
  const coded = async (token: string | undefined, at?: Date) =>
    (await service.ask(THEN, { userId, type: "COURSE", id: course.resourceId, asOf: at }, token)).errors?.[0]
      ?.extensions;
  expect(await coded(undefined, asOf)).toMatchObject({ code: "UNAUTHENTICATED" });
  expect(await coded(await service.token(userId), asOf)).toMatchObject({ code: "FORBIDDEN" });
  expect(await coded(await service.token("courses", "service"), asOf)).toMatchObject({ code: "FORBIDDEN" });
  expect(await coded(admin, new Date(asOf.getTime() + 3_600_000))).toMatchObject({
    ...{ code: "BAD_USER_INPUT", field: "asOf" },
  });
  expect(await coded(await service.token(userId))).toBeUndefined();
});

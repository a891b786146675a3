import { armCrashPoints } from "../../src/crash-points.ts";
import { type Learner, newLearner, passTime } from "../support/learner.ts";
import { newUser, startReplica, startService, type TestService } from "../support/service.ts";

const DAY_MS = 86_400_000;
let service: TestService;
let admin: string;
let ada: Learner;
beforeAll(async () => {
  service = await startService();
  admin = await service.token("chief", "admin");
});
beforeEach(async () => {
  ada = await newLearner(service);
});
afterEach(() => armCrashPoints());
afterAll(() => service.stop());

const SHOWN = `id code startsAt endsAt deactivatedAt maxRedemptions maxRedemptionsPerUser redemptionCount
  access { scope resourceId days }`;
const CREATE = `mutation ($input: CreatePromotionInput!) { createPromotion(input: $input) { ${SHOWN} } }`;
const END = `mutation ($id: ID!, $reason: String) { deactivatePromotion(id: $id, reason: $reason) { ${SHOWN} } }`;
const LIST = `query ($first: Int! = 20, $after: String, $code: String, $gone: Boolean) {
  promotions(first: $first, after: $after, code: $code, isDeactivated: $gone) {
    nodes { ${SHOWN} } totalCount pageInfo { hasNextPage endCursor }
  }
}`;
const REDEEM = `mutation ($input: RedeemPromotionInput!) {
  redeemPromotion(input: $input) { id code redeemedAt access { id source scope resourceId startsAt expiresAt isActive } }
}`;
const MONTH = { scope: "PLATFORM", days: 30 };
let made = 0;
/** A code that no other test has. */
const newCode = () => `Code-${++made}`;
const create = (more: object = {}) =>
  service.ask(CREATE, { input: { code: newCode(), access: MONTH, ...more } }, admin);
const codeFor = async (more: object = {}): Promise<string> => (await create(more)).data.createPromotion.code;
const redeem = (code: string, more: object = {}, who: Pick<Learner, "ask"> = ada) =>
  who.ask(REDEEM, { input: { code, ...more } });
const refusal = ({ errors }: Awaited<ReturnType<typeof create>>) => errors?.[0]?.extensions;
const grants = async () =>
  (await ada.ask("{ userAccess(includeInactive: true) { id } }")).data.userAccess.length;
const at = (days: number) => new Date(service.sandbox.now().getTime() + days * DAY_MS).toISOString();
const rows = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);

test("a month of the platform opens it for a month, in whatever case it is typed, and is told", async () => {
  const code = await codeFor({ reason: "for the fair" });
  const { data } = await redeem(` ${code.toLowerCase()} `);
  expect(data.redeemPromotion).toMatchObject({
    code,
    access: { source: "PROMOTION", scope: "PLATFORM", resourceId: null, isActive: true },
  });
  const { startsAt, expiresAt, id } = data.redeemPromotion.access;
  expect(Date.parse(expiresAt) - Date.parse(startsAt)).toBe(30 * DAY_MS);
  expect(await ada.may()).toBe(true);
  const told = await rows<{ type: string }>("select type from outbox where user_id = ?", [ada.userId]);
  expect(told).toEqual([{ type: "access.changed" }]);
  const audited = await rows<{ actor: string }>(
    "select actor, table_name from audit_log where user_id = ? order by table_name",
    [ada.userId],
  );
  expect(audited).toEqual([
    { actor: `user:${ada.userId}`, table_name: "promotion_redemptions" },
    { actor: `user:${ada.userId}`, table_name: "user_access" },
  ]);
  const [by] = await rows<object>(
    "select actor, reason from audit_log where table_name = 'promotions' and after->>'code' = ?",
    [code],
  );
  expect(by).toEqual({ actor: "admin:chief", reason: "for the fair" });
  // staff may take it back, and the use stays counted
  const revoke = "mutation ($id: ID!) { revokeAccess(id: $id) { isActive } }";
  expect((await service.ask(revoke, { id }, admin)).data.revokeAccess.isActive).toBe(false);
  expect(await ada.may()).toBe(false);
  expect(refusal(await redeem(code))).toMatchObject({ code: "PROMOTION_EXHAUSTED", field: "input.code" });
});

test("a second month begins when the first ends, and each lapses by itself", async () => {
  const first = await redeem(await codeFor());
  const second = await redeem(await codeFor());
  expect(second.data.redeemPromotion.access).toMatchObject({
    startsAt: first.data.redeemPromotion.access.expiresAt,
    isActive: false,
  });
  await passTime(service, 31);
  expect(await ada.may()).toBe(true);
  await passTime(service, 30);
  expect(await ada.may()).toBe(false);
  const third = await redeem(await codeFor());
  expect(Date.parse(third.data.redeemPromotion.access.startsAt)).toBeGreaterThanOrEqual(
    service.sandbox.now().getTime() - 60_000,
  );
});

test("a course or a path for good opens that, and another code for it is not wasted", async () => {
  const course = { scope: "COURSE", resourceId: "rust" };
  const { data } = await redeem(await codeFor({ access: course }));
  expect(data.redeemPromotion.access).toMatchObject({ ...course, expiresAt: null, isActive: true });
  const path = await redeem(await codeFor({ access: { scope: "LEARNING_PATH", resourceId: "backend" } }));
  expect(path.errors).toBeUndefined();
  await rows("insert into learning_path_courses (path_id, course_id, position) values ('backend', 'sql', 1)");
  const has = await grants();
  for (const access of [course, { ...course, days: 9 }, { scope: "COURSE", resourceId: "sql", days: 9 }]) {
    const code = await codeFor({ access, maxRedemptions: 1 });
    expect(refusal(await redeem(code))?.code).toBe("PROMOTION_NOT_APPLICABLE");
    const other = await newLearner(service);
    expect((await redeem(code, {}, other)).errors).toBeUndefined();
  }
  expect(await grants()).toBe(has);
});

test("a subscription that renews needs no month; one that ends is followed by it", async () => {
  await ada.subscribe();
  const code = await codeFor();
  expect(refusal(await redeem(code))?.code).toBe("PROMOTION_NOT_APPLICABLE");
  await ada.cancel();
  const ending = await ada.until(({ cancelAtPeriodEnd }) => cancelAtPeriodEnd);
  const { data } = await redeem(code);
  expect(data.redeemPromotion.access.startsAt).toBe(ending.currentPeriodEnd);
});

test("expired, exhausted, misspelt, not begun, deactivated or a discount: each has its code, and nothing changes", async () => {
  const soon = await codeFor({ endsAt: at(1) });
  await passTime(service, 2);
  const usedUp = await codeFor({ maxRedemptions: 1 });
  await redeem(usedUp, {}, await newLearner(service));
  const ended = await create();
  await service.ask(END, { id: ended.data.createPromotion.id }, admin);
  const later = await codeFor({ startsAt: at(3) });
  const discount = { percentOff: 10, resourceType: "COURSE", resourceId: "rust" };
  const forCourse = await codeFor({ access: null, discount });
  const cases: [string, string, string][] = [
    [soon, "PROMOTION_EXPIRED", "input.code"],
    [usedUp, "PROMOTION_EXHAUSTED", "input.code"],
    [`${usedUp}x`, "BAD_USER_INPUT", "input.code"],
    [later, "BAD_USER_INPUT", "input.code"],
    [ended.data.createPromotion.code, "BAD_USER_INPUT", "input.code"],
    [forCourse, "PROMOTION_NOT_APPLICABLE", "input.code"],
    ["", "BAD_USER_INPUT", "input.code"],
    ["x".repeat(101), "BAD_USER_INPUT", "input.code"],
    ["nul\u0000", "BAD_USER_INPUT", "input.code"],
  ];
  const answers: Awaited<ReturnType<typeof redeem>>[] = [];
  for (const [code] of cases) answers.push(await redeem(code));
  expect(
    answers.map((answer, which) => [cases[which]?.[0], refusal(answer)?.code, refusal(answer)?.field]),
  ).toEqual(cases);
  // nobody can tell a code that is not in use from one that never was
  const unknown = [2, 3, 4].map((which) => answers[which]?.errors?.[0]?.message);
  expect(new Set(unknown).size).toBe(1);
  expect(await grants()).toBe(0);
  const taken = await rows("select id from promotion_redemptions where user_id = ?", [ada.userId]);
  expect(taken).toEqual([]);
});

test("of 50 at once on two replicas exactly as many redeem a code as it allows", async () => {
  const replica = await startReplica(service);
  const { data } = await create({ maxRedemptions: 7 });
  const { code, id } = data.createPromotion;
  const learners = await Promise.all(Array.from({ length: 50 }, () => newLearner(service)));
  const answers = await Promise.all(
    learners.map(({ token }, which) =>
      (which % 2 ? replica : service).ask(REDEEM, { input: { code } }, token),
    ),
  );
  await replica.app.stop();
  const codes = answers.map((answer) => refusal(answer)?.code ?? "redeemed");
  expect(codes.filter((said) => said === "redeemed")).toHaveLength(7);
  expect(codes.filter((said) => said === "PROMOTION_EXHAUSTED")).toHaveLength(43);
  const given = await rows<object>(
    `select grants.user_id from user_access grants join promotion_redemptions used on used.id::text = grants.source_id
      where used.promotion_id = ?`,
    [id],
  );
  expect(given).toHaveLength(7);
  const listed = await service.ask(LIST, { code }, admin);
  expect(listed.data.promotions.nodes[0].redemptionCount).toBe(7);
});

test("of 50 at once by one user exactly as many redeem as a user may; the database itself refuses more", async () => {
  const { data } = await create({ maxRedemptionsPerUser: 3 });
  const { code, id } = data.createPromotion;
  const answers = await Promise.all(Array.from({ length: 50 }, () => redeem(code)));
  expect(answers.filter(({ errors }) => !errors)).toHaveLength(3);
  const ends = answers.flatMap((answer) => answer.data?.redeemPromotion?.access.expiresAt ?? []).sort();
  expect(new Set(ends).size).toBe(3);
  const more = `insert into promotion_redemptions (id, promotion_id, user_id, used_at, created_at)
    values (gen_random_uuid(), ?, ?, now(), now())`;
  await expect(rows(more, [id, ada.userId])).rejects.toMatchObject({
    constraint: "promotion_redemptions_per_user",
  });
});

test("the same key redeems once, also when the first call was never answered", async () => {
  const code = await codeFor({ maxRedemptionsPerUser: 9 });
  const first = await redeem(code, { idempotencyKey: "once" });
  expect(await redeem(code, { idempotencyKey: "once" })).toEqual(first);
  expect(refusal(await redeem(newCode(), { idempotencyKey: "once" }))?.code).toBe("CONFLICT");
  armCrashPoints((reached) => {
    if (reached !== "rows-committed") return;
    armCrashPoints();
    throw new Error("the process ends here");
  });
  expect((await redeem(code, { idempotencyKey: "dies" })).errors).toBeDefined();
  expect((await redeem(code, { idempotencyKey: "dies" })).errors).toBeUndefined();
  expect(await grants()).toBe(2);
});

test("admins list codes by pages that stay right while codes are made, and deactivate them; what was given stays", async () => {
  const mine = [await create(), await create(), await create()].map(({ data }) => data.createPromotion);
  const { data } = await service.ask(LIST, { first: 2 }, admin);
  const page = data.promotions;
  expect(page.nodes).toEqual([mine[2], mine[1]]);
  await create();
  const next = await service.ask(LIST, { first: 1, after: page.pageInfo.endCursor }, admin);
  expect(next.data.promotions.nodes).toEqual([mine[0]]);
  await redeem(mine[0].code);
  const ended = await service.ask(END, { id: mine[0].id, reason: "over" }, admin);
  expect(ended.data.deactivatePromotion).toMatchObject({
    deactivatedAt: expect.any(String),
    redemptionCount: 1,
  });
  expect(await service.ask(END, { id: mine[0].id }, admin)).toEqual(ended);
  expect(await ada.may()).toBe(true);
  // the code is free for another promotion, the active one's is not
  expect(refusal(await create({ code: mine[0].code.toUpperCase() }))).toBeUndefined();
  expect(refusal(await create({ code: mine[0].code }))).toMatchObject({
    code: "BAD_USER_INPUT",
    field: "input.code",
  });
  const both = await service.ask(LIST, { code: mine[0].code }, admin);
  expect(both.data.promotions.totalCount).toBe(2);
  const gone = await service.ask(LIST, { code: mine[0].code, gone: true }, admin);
  expect(gone.data.promotions.nodes.map(({ id }: { id: string }) => id)).toEqual([mine[0].id]);
});

test("what an admin gets wrong is refused at its field, and makes nothing", async () => {
  const before = (await service.ask(LIST, {}, admin)).data.promotions.totalCount;
  const course = { resourceType: "COURSE", resourceId: "rust" };
  const wrong: [object, string][] = [
    [{ code: "ab" }, "input.code"],
    [{ code: "with space" }, "input.code"],
    [{ access: null }, "input.discount"],
    [{ discount: { percentOff: 5 } }, "input.discount"],
    [{ access: { scope: "COURSE" } }, "input.access.resourceId"],
    [{ access: { ...MONTH, resourceId: "x" } }, "input.access.resourceId"],
    [{ access: { ...MONTH, days: 0 } }, "input.access.days"],
    [{ endsAt: "2001-01-01T00:00:00Z" }, "input.endsAt"],
    [{ startsAt: at(9), endsAt: at(8) }, "input.endsAt"],
    [{ maxRedemptions: 0 }, "input.maxRedemptions"],
    [{ maxRedemptionsPerUser: 0 }, "input.maxRedemptionsPerUser"],
    [{ reason: "" }, "input.reason"],
    ...(
      [
        [{}, "amountOff"],
        [{ percentOff: 5, amountOff: 5, currency: "USD" }, "amountOff"],
        [{ percentOff: 0 }, "percentOff"],
        [{ percentOff: 101 }, "percentOff"],
        [{ amountOff: -5, currency: "USD" }, "amountOff"],
        [{ amountOff: 5.5, currency: "USD" }, "amountOff"],
        [{ amountOff: 5 }, "currency"],
        [{ amountOff: 5, currency: "XTS" }, "currency"],
        [{ amountOff: 1_005, currency: "KWD" }, "amountOff"],
        [{ percentOff: 5, duration: "REPEATING" }, "months"],
        [{ percentOff: 5, months: 3 }, "months"],
        [{ percentOff: 5, resourceType: "COURSE" }, "resourceId"],
        [{ percentOff: 5, ...course, duration: "FOREVER" }, "duration"],
        [{ percentOff: 5, ...course, planId: newUser() }, "planId"],
        [{ percentOff: 5, planId: newUser() }, "planId"],
      ] as [object, string][]
    ).map(([discount, field]): [object, string] => [{ access: null, discount }, `input.discount.${field}`]),
  ];
  for (const [input, field] of wrong)
    expect([input, refusal(await create(input))]).toEqual([
      input,
      expect.objectContaining({ code: "BAD_USER_INPUT", field }),
    ]);
  for (const id of ["nonsense", "01890000-0000-7000-8000-000000000000"])
    expect(refusal(await service.ask(END, { id }, admin))?.code).toBe("NOT_FOUND");
  expect((await service.ask(LIST, {}, admin)).data.promotions.totalCount).toBe(before);
});

import { armCrashPoints } from "../../src/crash-points.ts";
import { type Learner, newLearner, passTime } from "../support/learner.ts";
import { collect, eventually, newUser, startService, type TestService } from "../support/service.ts";

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

const GRANT = `mutation ($input: GrantAccessInput!) {
  grantAccess(input: $input) { id source scope resourceId expiresAt isActive }
}`;
const REVOKE =
  "mutation ($id: ID!, $reason: String) { revokeAccess(id: $id, reason: $reason) { id isActive revokedAt } }";
const grant = (more: object = {}) =>
  service.ask(
    GRANT,
    { input: { userId: ada.userId, scope: "COURSE", resourceId: "rust", reason: "a lost seat", ...more } },
    admin,
  );
const revoke = (id: string, reason?: string) => service.ask(REVOKE, { id, reason }, admin);
const refusal = ({ errors }: Awaited<ReturnType<typeof grant>>) => errors?.[0]?.extensions;
const may = async (resourceId: string, resourceType = "COURSE") =>
  (
    await ada.ask(
      `query ($id: ID!) { accessTo(resourceType: ${resourceType}, resourceId: $id) { granted source } }`,
      { id: resourceId },
    )
  ).data.accessTo;

test("a course is given and taken, with who did it and why, and told live", async () => {
  const live = collect(service.live(ada.token), "subscription { accessChanged { scope resourceId } }");
  await eventually(
    () => live.results,
    (results) => results.length === 1,
  );
  const { data } = await grant();
  expect(data.grantAccess).toMatchObject({
    source: "GIFT",
    scope: "COURSE",
    resourceId: "rust",
    isActive: true,
  });
  expect(await may("rust")).toEqual({ granted: true, source: "GIFT" });
  expect((await may("go")).granted).toBe(false);
  await eventually(
    () => live.results.at(-1)?.data.accessChanged,
    (grants) => grants.length === 1,
  );
  const ended = await revoke(data.grantAccess.id, "found it");
  expect(ended.data.revokeAccess.isActive).toBe(false);
  expect((await may("rust")).granted).toBe(false);
  expect((await revoke(data.grantAccess.id)).data.revokeAccess).toEqual(ended.data.revokeAccess);
  await eventually(
    () => live.results.at(-1)?.data.accessChanged,
    (grants) => grants.length === 0,
  );
  live.stop();
  const entries = await service.app.parts.orm.em.fork().execute<object[]>(
    `select actor, reason, before ->> 'startsAt' = after ->> 'startsAt' as lasts, before ->> 'revokedAt' as revoked,
         after ->> 'revokedAt' is not null as ends
       from audit_log where table_name = 'user_access' and row_id = ? order by at, id`,
    [data.grantAccess.id],
  );
  expect(entries).toEqual([
    { actor: "admin:chief", reason: "a lost seat", lasts: null, revoked: null, ends: false },
    { actor: "admin:chief", reason: "found it", lasts: true, revoked: null, ends: true },
  ]);
});

test("the platform for a month lapses by itself; a path opens its courses", async () => {
  const in30Days = new Date(service.sandbox.now().getTime() + 30 * 86_400_000).toISOString();
  await grant({ scope: "PLATFORM", resourceId: null, expiresAt: in30Days });
  expect((await may("anything")).granted).toBe(true);
  await service.app.parts.orm.em
    .fork()
    .execute("insert into learning_path_courses (path_id, course_id, position) values ('backend', 'sql', 1)");
  await passTime(service, 31);
  expect((await may("anything")).granted).toBe(false);
  await grant({ scope: "LEARNING_PATH", resourceId: "backend" });
  expect((await may("backend", "LEARNING_PATH")).granted).toBe(true);
  expect((await may("sql")).granted).toBe(true);
});

test("what is wrong is refused with its field, and gives nothing", async () => {
  const rows: [object, string, string?][] = [
    [{ resourceId: null }, "BAD_USER_INPUT", "input.resourceId"],
    [{ scope: "PLATFORM" }, "BAD_USER_INPUT", "input.resourceId"],
    [{ resourceId: "" }, "BAD_USER_INPUT", "input.resourceId"],
    [{ resourceId: "x".repeat(129) }, "BAD_USER_INPUT", "input.resourceId"],
    [{ userId: "\u0007" }, "BAD_USER_INPUT", "input.userId"],
    [{ reason: "" }, "BAD_USER_INPUT", "input.reason"],
    [{ expiresAt: "2001-01-01T00:00:00Z" }, "BAD_USER_INPUT", "input.expiresAt"],
    [{ scope: "EVERYTHING" }, "BAD_USER_INPUT"],
  ];
  for (const [input, code, field] of rows)
    expect([input, refusal(await grant(input))]).toEqual([
      input,
      expect.objectContaining({ code, ...(field && { field }) }),
    ]);
  expect((await ada.ask("{ userAccess(includeInactive: true) { id } }")).data.userAccess).toEqual([]);
  for (const id of ["nonsense", "01890000-0000-7000-8000-000000000000"])
    expect(refusal(await revoke(id))?.code).toBe("NOT_FOUND");
});

test("what a subscription gives ends with it, and not by hand", async () => {
  await ada.subscribe();
  const { data } = await ada.ask("{ userAccess { id } }");
  expect(refusal(await revoke(data.userAccess[0].id))?.code).toBe("CONFLICT");
  expect(await ada.may()).toBe(true);
});

test("the same key gives the same grant once", async () => {
  const first = await grant({ idempotencyKey: "ticket-17" });
  expect(await grant({ idempotencyKey: "ticket-17" })).toEqual(first);
  expect((await ada.ask("{ userAccess { id } }")).data.userAccess).toHaveLength(1);
  expect(refusal(await grant({ idempotencyKey: "ticket-17", resourceId: "go" }))?.code).toBe("CONFLICT");
});

test.each(["rows-committed", "key-worked"] as const)(
  "a call that dies at %s, and is repeated, gives and takes once",
  async (point) => {
    const dies = async (call: () => Promise<{ errors?: unknown }>) => {
      armCrashPoints((reached) => {
        if (reached !== point) return;
        armCrashPoints();
        throw new Error("the process ends here");
      });
      expect((await call()).errors).toBeDefined();
      return call();
    };
    await dies(() => grant({ idempotencyKey: `gives-${point}` }));
    const { data } = await ada.ask("{ userAccess(includeInactive: true) { id } }");
    expect(data.userAccess).toHaveLength(1);
    const [{ id }] = data.userAccess;
    await dies(() =>
      service.ask(
        `mutation ($id: ID!, $key: String) { revokeAccess(id: $id, idempotencyKey: $key) { id } }`,
        { id, key: `takes-${point}` },
        admin,
      ),
    );
    // given again since: the first call under its key is answered, and takes nothing of this
    await grant({ resourceId: "go" });
    expect((await ada.ask("{ userAccess { resourceId } }")).data.userAccess).toEqual([{ resourceId: "go" }]);
    const { data: again } = await grant({ idempotencyKey: `gives-${point}` });
    expect(again.grantAccess).toMatchObject({ id, isActive: false });
  },
);

test("learners give themselves nothing", async () => {
  for (const [query, variables] of [
    [GRANT, { input: { userId: ada.userId, scope: "PLATFORM", reason: "please" } }],
    [REVOKE, { id: newUser() }],
  ] as const)
    expect(refusal(await ada.ask(query, variables))?.code).toBe("FORBIDDEN");
});

import { subscribe } from "../support/checkout.ts";
import { collect, eventually, newUser, startService, type TestService } from "../support/service.ts";

let service: TestService;
beforeAll(async () => {
  // no webhook: nothing but time tells the service anything
  service = await startService({ webhooks: false });
});
afterAll(() => service.stop());

const execute = (sql: string, params: unknown[]) => service.app.parts.orm.em.fork().execute(sql, params);
const GRANTS = "subscription { accessChanged { source isActive } }";
const STATUS = "subscription { subscriptionStatusChanged { status grantsAccess } }";

/** A subscriber with both live subscriptions open, each having shown the state as it is. */
async function watchingSubscriber() {
  const userId = newUser();
  const token = await service.token(userId);
  await subscribe(service, token);
  const grants = collect(service.live(token), GRANTS);
  const status = collect(service.live(token), STATUS);
  await eventually(
    () => [grants, status].map(({ results }) => results.length),
    (counts) => counts.every((count) => count > 0),
  );
  return {
    userId,
    shown: () => ({
      grants: grants.results.at(-1)?.data.accessChanged,
      status: status.results.at(-1)?.data.subscriptionStatusChanged,
    }),
    stop: () => [grants, status].map((live) => live.stop()),
  };
}

const OPEN = {
  grants: [{ source: "SUBSCRIPTION", isActive: true }],
  status: { status: "ACTIVE", grantsAccess: true },
};
const LAPSED = { grants: [], status: { status: "ACTIVE", grantsAccess: false } };
const isLapsed = ({ grants, status }: ReturnType<Awaited<ReturnType<typeof watchingSubscriber>>["shown"]>) =>
  grants?.length === 0 && status?.grantsAccess === false;

test("a grant that lapses, and one that begins, is shown at that moment with no event to tell of it", async () => {
  const learner = await watchingSubscriber();
  expect(learner.shown()).toEqual(OPEN);
  learner.stop();
  await execute(
    "update user_access set expires_at = now() + interval '2 seconds', version = version + 1 where user_id = ?",
    [learner.userId],
  );
  const token = await service.token(learner.userId);
  const grants = collect(service.live(token), GRANTS);
  await eventually(
    () => grants.results.map(({ data }) => data.accessChanged.length),
    (counts) => counts.join() === "1,0",
  );
  grants.stop();
  await execute(
    `update user_access set starts_at = now() + interval '2 seconds', expires_at = null, version = version + 1
     where user_id = ?`,
    [learner.userId],
  );
  const later = collect(service.live(token), GRANTS);
  await eventually(
    () => later.results.map(({ data }) => data.accessChanged.length),
    (counts) => counts.join() === "0,1",
  );
  later.stop();
});

test("so it is when time jumps over the moment", async () => {
  const learner = await watchingSubscriber();
  expect(learner.shown()).toEqual(OPEN);
  await fetch(`${service.sandbox.url}/sandbox/advance`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ days: 45 }),
  });
  expect(await eventually(learner.shown, isLapsed)).toEqual(LAPSED);
  learner.stop();
});

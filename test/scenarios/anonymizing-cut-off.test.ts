import { randomUUID } from "node:crypto";
import { armCrashPoints, type CrashPoint } from "../../src/crash-points.ts";
import {
  anonymize,
  askedFor,
  carryOn,
  tracesIn,
  untilLeasesEnd,
  untilQuiet,
} from "../support/anonymizing.ts";
import { newBuyer } from "../support/buyer.ts";
import { subscribe } from "../support/checkout.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { customerOf, stripeOf } from "../support/stripe.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterEach(() => armCrashPoints());
afterAll(() => service.stop());

const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);

test("two admins who ask at once come to one end", async () => {
  const ada = await newBuyer(service);
  await subscribe(service, ada.token);
  await ada.card();
  const other = await service.token(newUser(), "admin");
  const answers = await Promise.all([
    anonymize(service, ada.userId),
    anonymize(service, ada.userId, { token: other }),
  ]);
  expect(answers.map(({ errors }) => errors)).toEqual([undefined, undefined]);
  expect(answers[0]?.data).toEqual(answers[1]?.data);
});

test.each<[CrashPoint, number]>([
  ["intent-opened", 1],
  ["intent-posted", 1],
  ["intent-followed", 1],
  ["rows-committed", 1],
  ["intent-posted", 3],
  ["intent-posted", 4],
])("cut off at %s for the %sth time, a second call comes to the same end", async (point, time) => {
  const ada = await newBuyer(service);
  await subscribe(service, ada.token);
  await ada.card();
  const customer = await customerOf(service, ada.userId);
  await untilQuiet(service);
  let left = time;
  armCrashPoints((at) => {
    if (at === point && left-- === 1) throw new Error("cut off");
  });
  await anonymize(service, ada.userId, { key: randomUUID() });
  armCrashPoints();
  await untilLeasesEnd(service);
  const { data } = await eventually(
    () => anonymize(service, ada.userId, { key: randomUUID() }),
    (answer) => !answer.errors,
  );
  expect(data.anonymizeUser.finishedAt).not.toBeNull();
  expect(JSON.stringify(await stripeOf(service).customers.retrieve(customer))).not.toContain(ada.userId);
  expect((await stripeOf(service).subscriptions.list({ customer })).data).toEqual([]);
  expect(await tracesIn(service, [`${ada.userId}@example.com`])).toEqual([]);
});

test("one that was cut off is carried on without anybody asking again", async () => {
  const ada = await newBuyer(service);
  await subscribe(service, ada.token);
  await untilQuiet(service);
  armCrashPoints((at) => {
    if (at === "intent-posted") throw new Error("cut off");
  });
  await anonymize(service, ada.userId);
  armCrashPoints();
  await untilLeasesEnd(service);
  // the call has a minute of its own first
  const isDone = () =>
    execute<{ done: boolean }>(
      "select finished_at is not null as done from anonymized_users where user_id = ?",
      [ada.userId],
    );
  await carryOn(service);
  expect(await isDone()).toEqual([{ done: false }]);
  await eventually(
    async () => {
      await execute("update anonymized_users set next_try_at = now()");
      await carryOn(service);
      return isDone();
    },
    ([row]) => row?.done === true,
  );
});

test("while Redis is away it is refused for now, and goes on when it is back", async () => {
  const someone = newUser();
  await service.redis.kill();
  const refused = await anonymize(service, someone);
  await service.redis.restart();
  expect(refused.errors?.[0]?.extensions).toMatchObject({ code: "SERVICE_UNAVAILABLE", retryable: true });
  const { data } = await eventually(
    () => anonymize(service, someone),
    (answer) => !answer.errors,
  );
  expect(data.anonymizeUser.finishedAt).toEqual(expect.any(String));
});

// the last: this service begins nothing after it
test("a process that is to stop carries on no more than the one it has begun", async () => {
  const both = [newUser(), newUser()];
  for (const userId of both) await askedFor(service, userId);
  // before whoever else waits
  const first = "update anonymized_users set next_try_at = now() - interval '1 day' where user_id in (?, ?)";
  await execute(first, both);
  service.app.parts.cursors.stop();
  await carryOn(service);
  const left = "select tries from anonymized_users where finished_at is null and user_id in (?, ?)";
  expect(await execute(left, both)).toEqual([{ tries: 0 }]);
});

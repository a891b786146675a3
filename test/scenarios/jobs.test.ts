import { once } from "node:events";
import { connect } from "node:net";
import { jest } from "@jest/globals";
import { armCrashPoints } from "../../src/crash-points.ts";
import { whileSomebodyWaits } from "../../src/stripe/call-scope.ts";
import { carryOn } from "../support/anonymizing.ts";
import { openCheckout, STATUS } from "../support/checkout.ts";
import { eventually, newUser, startReplica, startService, type TestService } from "../support/service.ts";
import { spawnService } from "../support/spawn.ts";
import { setFaults } from "../support/stripe.ts";
import { deliver, eventOf } from "../support/webhook.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService({ env: { WORKER: "off" } });
});
afterEach(() => armCrashPoints());
afterAll(() => service.stop());

const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);

// The connection on which a worker hears of new jobs may be one that a request has opened: Node then runs whatever
// that connection wakes as if it were a part of the request, for as long as the connection lives.
test("a job that a request's connection wakes calls Stripe long after the request has been answered", async () => {
  const longAgo = Date.now() - 60_000;
  const clock = jest.spyOn(Date, "now").mockReturnValue(longAgo);
  const { started } = whileSomebodyWaits(() => {
    clock.mockRestore();
    return { started: startReplica(service, { WORKER: "on" }) };
  });
  const replica = await started;
  try {
    const token = await service.token(newUser());
    const { data } = await openCheckout(service, token);
    await service.pay(data.createCheckoutSession.id);
    await eventually(
      () => service.ask(STATUS, {}, token),
      (answer) => answer.data.subscriptionStatus?.grantsAccess,
    );
  } finally {
    await replica.app.stop();
  }
});

test.each([
  ["anonymizations", "anonymized_users"],
  ["purchase-deadlines", "purchases"],
])("the round of %s is anybody's again when the database refuses it something", async (name, table) => {
  await execute(`alter table ${table} rename to out_of_reach`);
  await service.app.parts.cursors.restart(name, {}, 0);
  await service.app.parts.workers.rounds.run(name).catch(() => {});
  await execute(`alter table out_of_reach rename to ${table}`);
  await eventually(
    () =>
      execute<{ is_free: boolean }>("select lease_until is null as is_free from cursors where name = ?", [
        name,
      ]),
    ([row]) => row?.is_free === true,
  );
});

test("twenty who cannot be finished let others come first, and how long they wait is measured", async () => {
  const begun = (name: string, count: number, age: string) =>
    execute(
      `insert into anonymized_users (user_id, pseudonym, requested_at, next_try_at)
       select ? || n, 'anonymized:' || ? || n, now() - ?::interval, now() - ?::interval from generate_series(1, ?) n`,
      [name, name, age, age, count],
    );
  await begun("stuck-", 20, "2 days");
  armCrashPoints((at) => {
    if (at === "rows-committed") throw new Error("cannot be finished");
  });
  await carryOn(service);
  armCrashPoints();
  await begun("fresh-", 1, "1 second");
  await carryOn(service);
  const left = await execute(
    `select split_part(user_id, '-', 1) as who, tries, count(*)::int as n from anonymized_users
      where finished_at is null group by 1, 2`,
  );
  expect(left).toEqual([{ who: "stuck", tries: 1, n: 20 }]);
  const [, age] =
    (await (await fetch(`${service.url}/metrics`)).text()).match(
      /^anonymizations_oldest_unfinished_seconds (\S+)$/m,
    ) ?? [];
  expect(Number(age)).toBeGreaterThan(2 * 86_400 - 60);
  await execute("delete from anonymized_users where user_id like 'stuck-%'");
});

describe("what never ends does not keep a process that is told to stop", () => {
  test("a request whose rest does not come is cut off, and everything else ends well", async () => {
    const { child, url } = await spawnService({ ...service.env, STOP_SECONDS: "6" }, { worker: "off" });
    const { port } = new URL(url);
    const client = connect(Number(port), "127.0.0.1");
    client.on("error", () => {}); // what it is cut off with
    const closed = new Promise((resolve) => client.once("close", resolve));
    client.write(
      "POST /graphql HTTP/1.1\r\nHost: it\r\nContent-Type: application/json\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n",
    );
    expect(String(await once(client, "data"))).toContain("100 Continue");
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
    await closed;
  });

  test("a job that waits for Stripe is cut off, and stays to be done", async () => {
    const held = { method: "GET", path: "/v1/customers/cus_held", delayMs: 60_000 };
    await setFaults(service, { calls: [held] });
    const event = eventOf("customer.updated", { id: "cus_held" });
    expect((await deliver(service, JSON.stringify(event))).status).toBe(200);
    const { child, log } = await spawnService(
      { ...service.env, STOP_SECONDS: "1", LOG_LEVEL: "error" },
      { worker: "only" },
    );
    await eventually(
      async () => (await fetch(`${service.sandbox.url}/sandbox/requests`)).text(),
      (asked) => asked.includes("cus_held"),
    );
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    expect(await ended).toEqual([1, null]);
    expect(log().map(({ msg }) => msg)).toContain("the service did not stop in time");
    await setFaults(service, { reset: true });
    expect(await execute("select status from stripe_events where id = ?", [event.id])).toEqual([
      { status: "pending" },
    ]);
  });
});

import { OBJECTS_CURSOR } from "../../src/jobs/object-sweep.ts";
import { subscribe } from "../support/checkout.ts";
import { runCommand } from "../support/command.ts";
import { newUser, startService, type TestService } from "../support/service.ts";
import { customerOf, setFaults, stripeOf } from "../support/stripe.ts";

const BEGINNING = new Date("2020-01-01");
let service: TestService;
beforeEach(async () => {
  service = await startService({ env: { WORKER: "off" }, webhooks: false });
});
afterEach(() => service.stop());

const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);
const sweep = () => service.app.parts.objectSweep;
async function asked(path: string): Promise<number> {
  const answer = await fetch(`${service.sandbox.url}/sandbox/requests`);
  const { requests } = (await answer.json()) as { requests: { method: string; path: string }[] };
  return requests.filter((request) => request.method === "GET" && request.path === path).length;
}
async function subscriber(): Promise<string> {
  const userId = newUser();
  await subscribe(service, await service.token(userId));
  return userId;
}
async function statusOf(userId: string): Promise<string | undefined> {
  const [row] = await execute<{ status: string }>("select status from subscriptions where user_id = ?", [
    userId,
  ]);
  return row?.status;
}
const cancelAt = async (userId: string) => {
  const stripe = stripeOf(service);
  const { data } = await stripe.subscriptions.list({ customer: await customerOf(service, userId) });
  await stripe.subscriptions.cancel(String(data[0]?.id));
};

test("what we do not have, and what has changed since, is synced; what belongs to others is not", async () => {
  const [changed, missing] = [await subscriber(), await subscriber()];
  const stripe = stripeOf(service);
  await cancelAt(changed);
  for (const table of ["subscriptions", "invoices", "payments", "user_access"])
    await execute(`delete from ${table} where user_id = ?`, [missing]);
  const foreign = await stripe.customers.create({ email: "other-app@example.com" });
  const price = (await stripe.prices.list({ limit: 1 })).data[0]?.id as string;
  const method = await stripe.paymentMethods.attach("pm_card_visa", { customer: foreign.id });
  const theirs = await stripe.subscriptions.create({
    customer: foreign.id,
    items: [{ price }],
    default_payment_method: method.id,
  });
  await sweep().request(BEGINNING);
  const state = await sweep().finish();
  expect(state?.failures).toEqual([]);
  expect(state?.counts.subscriptions).toMatchObject({ failed: 0, synced: 3 });
  expect([await statusOf(changed), await statusOf(missing)]).toEqual(["CANCELED", "ACTIVE"]);
  const [{ n } = { n: 0 }] = await execute<{ n: number }>(
    "select count(*)::int as n from payments where user_id = ? and status = 'SUCCEEDED'",
    [missing],
  );
  expect(n).toBe(1);
  expect(await asked(`/v1/subscriptions/${theirs.id}`)).toBe(0);
});

test("what was cut short goes on from where it stopped, in another process as well", async () => {
  const userId = await subscriber();
  await cancelAt(userId);
  await setFaults(service, {
    calls: [{ method: "GET", path: "/v1/invoices", status: 500, when: "before" }],
  });
  await sweep().request(BEGINNING);
  await expect(sweep().finish()).rejects.toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
  await setFaults(service, { reset: true });
  const customers = await asked("/v1/customers");
  const ran = await runCommand(service, "webhooks-catch-up", "--since", "2020-01-01", "--objects");
  expect([ran.code, ran.stderr, ran.stdout]).toEqual([
    0,
    "",
    expect.stringContaining("Going on with the sweep"),
  ]);
  expect(ran.stdout).toMatch(/^invoices +\d+ +[1-9]\d* +0$/m);
  expect(await asked("/v1/customers")).toBe(customers);
  expect(await statusOf(userId)).toBe("CANCELED");
}, 60_000);

test("a process that stops leaves it to the next; one object that cannot be synced is named, and holds up no other", async () => {
  const [poisoned, fine] = [await subscriber(), await subscriber()];
  const customer = await customerOf(service, poisoned);
  await cancelAt(fine);
  await setFaults(service, {
    calls: [{ method: "GET", path: `/v1/customers/${customer}`, status: 400, when: "before" }],
  });
  await sweep().request(BEGINNING);
  await execute("update cursors set next_run_at = now() where name = ?", [OBJECTS_CURSOR]);
  service.app.parts.workers.rounds.stop();
  await sweep().run();
  expect(
    await execute(
      "select step, lease_until from (select *, state->'step' as step from cursors) as sweep where name = ?",
      [OBJECTS_CURSOR],
    ),
  ).toEqual([{ step: 0, lease_until: null }]);
  const state = await sweep().finish();
  expect(new Set(state?.failures)).toEqual(new Set([`customer:${customer}`]));
  expect(await statusOf(fine)).toBe("CANCELED");
});

test("the command gives the inbox what it lacks since a moment, and explains itself", async () => {
  await subscriber();
  const catchUp = (...args: string[]) => runCommand(service, "webhooks-catch-up", ...args);
  const first = await catchUp("--since", "2020-01-01");
  expect([first.code, first.stdout]).toEqual([0, expect.stringMatching(/^had not arrived.* +[1-9]\d*$/m)]);
  expect((await catchUp("--since", "2020-01-01")).stdout).toMatch(/^had not arrived.* +0$/m);
  expect(await catchUp("--help")).toMatchObject({ code: 0, stdout: expect.stringContaining("--objects") });
  expect(await catchUp()).toMatchObject({ code: 2 });
}, 60_000);

import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Receiver } from "./support/receiver.ts";
import { closeLeftovers, order, TestSandbox, testSandbox } from "./support/sandbox.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(path.join(tmpdir(), "sandbox-"));
});
afterEach(async () => {
  await closeLeftovers();
  rmSync(dataDir, { recursive: true });
});

const journal = () => path.join(dataDir, "sandbox.ndjson");

test("everything committed is there after a restart, idempotency keys and time too", async () => {
  const first = await testSandbox({ dataDir });
  const { session, customer } = await order(first.stripe);
  await first.complete(session.id, "pm_card_visa");
  await first.advance({ days: 3 });
  const once = await first.stripe.customers.create({ name: "Once" }, { idempotencyKey: "once" });
  const events = await first.eventTypes();
  await first.close();

  const second = await testSandbox({ dataDir });
  expect(second.sandbox.now().getTime() - Date.now()).toBeGreaterThan(2.9 * 86_400_000);
  expect(await second.eventTypes()).toEqual(events);
  expect(await second.stripe.checkout.sessions.retrieve(session.id)).toMatchObject({
    status: "complete",
    customer: customer.id,
  });
  expect((await second.stripe.customers.create({ name: "Once" }, { idempotencyKey: "once" })).id).toBe(
    once.id,
  );
  await second.close();
});

test("a torn last line is left out", async () => {
  const first = await testSandbox({ dataDir });
  const { id } = await first.stripe.customers.create({ name: "Whole" });
  await first.close();
  appendFileSync(journal(), '{"put":[["customer",99,{"id":"cus_torn');

  const second = await testSandbox({ dataDir });
  expect((await second.stripe.customers.list()).data.map((customer) => customer.id)).toEqual([id]);
  await second.stripe.customers.create({ name: "After" });
  await second.close();

  const third = await testSandbox({ dataDir });
  expect((await third.stripe.customers.list()).data).toHaveLength(2);
  await third.close();
});

test("the journal is rewritten without its history at the start", async () => {
  const first = await testSandbox({ dataDir });
  const { id } = await first.stripe.customers.create();
  for (let at = 0; at < 20; at++) await first.stripe.customers.update(id, { metadata: { at } });
  await first.close();
  const lines = () => readFileSync(journal(), "utf8").trim().split("\n").length;
  const before = lines();
  await (await testSandbox({ dataDir })).close();
  expect(lines()).toBeLessThan(before);
});

test("pending deliveries go on after a restart", async () => {
  const receiver = await Receiver.start();
  const first = await testSandbox({ dataDir });
  await first.stripe.webhookEndpoints.create({ url: receiver.url, enabled_events: ["customer.created"] });
  await first.control("/faults", { webhooks: { delayMs: 60_000 } });
  await first.stripe.customers.create();
  await first.close();
  expect(receiver.received).toHaveLength(0);

  const second = await testSandbox({ dataDir });
  await receiver.count(1);
  await second.close();
  receiver.close();
});

test("DELETE /sandbox/state forgets everything, for good", async () => {
  const first = await testSandbox({ dataDir });
  await first.stripe.customers.create();
  await first.advance({ days: 1 });
  await fetch(`${first.url}/sandbox/state`, { method: "DELETE" });
  expect((await first.stripe.customers.list()).data).toEqual([]);
  expect(await first.eventTypes()).toEqual([]);
  expect(Math.abs(first.sandbox.now().getTime() - Date.now())).toBeLessThan(1000);
  await first.close();
  const second = await testSandbox({ dataDir });
  expect((await second.stripe.customers.list()).data).toEqual([]);
  await second.close();
});

const main = path.resolve("dist/sandbox/main.js");
const built = existsSync(main) ? test : test.skip;

describe("npm run sandbox", () => {
  const start = (port: number) =>
    spawn(process.execPath, [main], {
      env: { ...process.env, NODE_OPTIONS: "", SANDBOX_PORT: String(port), DATA_DIR: dataDir },
    });

  const urlOf = async (child: ReturnType<typeof start>) => {
    const [line] = (await once(child.stdout!, "data")) as [Buffer];
    return /http:\S+/.exec(line.toString())![0];
  };

  built("keeps what was answered through a kill -9, and says when its port is taken", async () => {
    const first = start(0);
    const url = await urlOf(first);
    const port = Number(new URL(url).port);
    const box = new TestSandbox({ url, port, now: () => new Date(), close: async () => {} });
    const { id } = await box.stripe.customers.create({ name: "Kept" });

    const rival = start(port);
    const [complaint] = (await once(rival.stderr!, "data")) as [Buffer];
    expect(complaint.toString()).toMatch(/^Port \d+ is already taken: .*\.\n$/);

    first.kill("SIGKILL");
    await once(first, "exit");
    const second = start(port);
    await urlOf(second);
    expect(await box.stripe.customers.retrieve(id)).toMatchObject({ name: "Kept" });
    second.kill("SIGTERM");
    await once(second, "exit");
  });
});

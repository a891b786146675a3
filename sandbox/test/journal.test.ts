import { spawn } from "node:child_process";
import { once } from "node:events";
import fs, { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { jest } from "@jest/globals";
import { DAY_SECONDS } from "../clock.ts";
import { startSandbox } from "../index.ts";
import { Journal } from "../journal.ts";
import { Store } from "../store.ts";
import { eventually } from "./support/eventually.ts";
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
  expect(await second.shown("/time")).toMatchObject({ offsetSeconds: 3 * DAY_SECONDS });
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
  expect(await first.shown("/time")).toMatchObject({ offsetSeconds: 0 });
  await first.close();
  const second = await testSandbox({ dataDir });
  expect((await second.stripe.customers.list()).data).toEqual([]);
  await second.close();
});

test("a text with line separators of Unicode's own is read back", async () => {
  const first = await testSandbox({ dataDir });
  const name = "Ada\u2028Lovelace\u2029\u0085\r";
  const { id } = await first.stripe.customers.create({ name });
  await first.close();
  const second = await testSandbox({ dataDir });
  expect(await second.stripe.customers.retrieve(id)).toMatchObject({ name });
  await second.close();
});

test("nobody is served before the journal has been read", async () => {
  const first = await testSandbox({ dataDir });
  await first.stripe.customers.create({ name: "Old" });
  await first.close();
  const history = '{"put":[],"deleted":[],"offsetMs":0}\n'.repeat(100_000);
  writeFileSync(journal(), history + readFileSync(journal(), "utf8"));

  const { port } = first.sandbox;
  const starting = testSandbox({ dataDir, port });
  const headers = { authorization: "Bearer sk_test_x" };
  const read = () => fetch(`http://127.0.0.1:${port}/v1/customers`, { headers }).catch(() => null);
  const answer = await eventually(read, (response) => response !== null);
  expect(await answer!.json()).toMatchObject({ data: [{ name: "Old" }] });
  await (await starting).close();
});

test("where the port is taken the journal stays as it was, and free", async () => {
  const first = await testSandbox({ dataDir });
  const { id } = await first.stripe.customers.create();
  await first.stripe.customers.update(id, { name: "Kept" });
  await first.close();
  const before = readFileSync(journal());
  const rival = await testSandbox();
  await expect(startSandbox({ dataDir, port: rival.sandbox.port })).rejects.toMatchObject({
    code: "EADDRINUSE",
  });
  expect(readFileSync(journal())).toEqual(before);
  await rival.close();
  await (await testSandbox({ dataDir })).close();
});

test("a second sandbox in the same folder is refused in a sentence, and the first goes on", async () => {
  const first = await testSandbox({ dataDir });
  await first.stripe.customers.create({ name: "First" });
  const before = readFileSync(journal());
  await expect(startSandbox({ dataDir, port: 0 })).rejects.toThrow(
    `The journal in ${dataDir} is in use by process ${process.pid}: stop that sandbox, or set DATA_DIR to another folder.`,
  );
  expect(readFileSync(journal())).toEqual(before);
  await first.close();
});

describe("a write that fails", () => {
  const { writeSync } = fs;
  afterEach(() => jest.restoreAllMocks());

  /** The next write to the journal takes only a few bytes, and then fails, or does not. */
  const cutNextWrite = (fails: boolean) => {
    let isDone = false;
    jest.spyOn(fs, "writeSync").mockImplementation(((descriptor: number, bytes: Buffer, at: number) => {
      if (isDone || !Buffer.isBuffer(bytes)) return writeSync(descriptor, bytes, at);
      isDone = true;
      const written = writeSync(descriptor, bytes, 0, 20);
      if (fails) throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
      return written;
    }) as never);
  };

  test("leaves nothing behind: what comes after it is kept, what failed has not happened", async () => {
    const first = await testSandbox({ dataDir });
    cutNextWrite(true);
    const once = first.client({ maxNetworkRetries: 0 });
    await expect(once.customers.create({ name: "Lost" })).rejects.toMatchObject({ statusCode: 500 });
    expect(first.takeOwnFaults().join()).toContain("ENOSPC");
    await first.stripe.customers.create({ name: "After" });
    await first.stripe.customers.create({ name: "Later" });
    await first.close();
    const second = await testSandbox({ dataDir });
    const names = (await second.stripe.customers.list()).data.map(({ name }) => name);
    expect(names).toEqual(["Later", "After"]);
    await second.close();
  });

  test("undoes also what a refusal would have kept", async () => {
    const first = await testSandbox({ dataDir });
    const { id } = await first.stripe.customers.create();
    cutNextWrite(true);
    const once = first.client({ maxNetworkRetries: 0 });
    const declined = { amount: 500, currency: "usd", customer: id, confirm: true } as const;
    await expect(
      once.paymentIntents.create({
        ...declined,
        payment_method: "pm_card_chargeDeclined",
        automatic_payment_methods: { enabled: true, allow_redirects: "never" },
      }),
    ).rejects.toMatchObject({ statusCode: 500 });
    expect(first.takeOwnFaults()).toHaveLength(1);
    expect((await first.stripe.paymentIntents.list()).data).toEqual([]);
    await first.close();
  });

  test("is completed when it was only short", async () => {
    const first = await testSandbox({ dataDir });
    cutNextWrite(false);
    await first.stripe.customers.create({ name: "Whole" });
    await first.close();
    const second = await testSandbox({ dataDir });
    expect((await second.stripe.customers.list()).data).toMatchObject([{ name: "Whole" }]);
    await second.close();
  });
});

test("a journal that grows much is rewritten while it is in use, and holds the same", async () => {
  const store = new Store();
  const log = new Journal(dataDir, 2_000);
  await log.read(store);
  log.open(store, 0);
  let largest = 0;
  for (let at = 0; at < 500; at++) {
    const row = { id: "cus_1", object: "customer", deleted: true, at } as const;
    const sequence = store.put("deleted", row);
    log.append({ put: [["deleted", sequence, row]], deleted: [] }, at);
    log.tidy(store, at);
    largest = Math.max(largest, statSync(journal()).size);
  }
  log.close();
  expect(largest).toBeLessThan(2_300);
  const again = new Store();
  const next = new Journal(dataDir);
  expect(await next.read(again)).toBe(499);
  expect(again.get("deleted", "cus_1")).toMatchObject({ at: 499 });
  next.close();
});

describe("the command", () => {
  const start = (port: number, folder = dataDir) =>
    spawn(process.execPath, ["sandbox/main.ts"], {
      env: { ...process.env, NODE_OPTIONS: "", SANDBOX_PORT: String(port), DATA_DIR: folder },
    });

  const urlOf = async (child: ReturnType<typeof start>) => {
    const [line] = (await once(child.stdout!, "data")) as [Buffer];
    return /http:\S+/.exec(line.toString())![0];
  };
  const complaintOf = async (child: ReturnType<typeof start>) =>
    String((await once(child.stderr!, "data"))[0]);

  test("keeps what was answered through a kill -9, and says when port or folder are taken", async () => {
    const first = start(0);
    const url = await urlOf(first);
    const port = Number(new URL(url).port);
    const box = new TestSandbox({ url, port, now: () => new Date(), close: async () => {} });
    const { id } = await box.stripe.customers.create({ name: "Kept" });

    const [onPort, inFolder] = [start(port, path.join(dataDir, "other")), start(0)];
    expect(await Promise.all([onPort, inFolder].map(complaintOf))).toEqual([
      expect.stringMatching(/^Port \d+ is already taken: .*\.\n$/),
      expect.stringMatching(new RegExp(`^The journal in \\S+ is in use by process ${first.pid}: .*\\.\\n$`)),
    ]);

    first.kill("SIGKILL");
    await once(first, "exit");
    const second = start(port);
    await urlOf(second);
    expect(await box.stripe.customers.retrieve(id)).toMatchObject({ name: "Kept" });
    second.kill("SIGTERM");
    await once(second, "exit");
  });
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { Client } from "pg";
import { startSandbox } from "../../sandbox/index.ts";
import { judge } from "../../sandbox/test/support/judge.ts";
import { openBrowser } from "../support/browser.ts";
import { createEmptyDatabase, createTestDatabase } from "../support/database.ts";
import { faultsOfRequests } from "../support/judged-requests.ts";
import { secretsOfSuite, suiteLogger } from "../support/logs.ts";
import { startTestRedis } from "../support/redis.ts";
import { summary } from "../support/results.ts";

async function query(url: string, sql: string): Promise<unknown[][]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: "array" })).rows;
  } finally {
    await client.end();
  }
}

describe("a test database", () => {
  it("is migrated and seeded, and no other test's", async () => {
    const [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    expect(await query(one.url, "select count(*)::int from subscription_plans")).toEqual([[4]]);
    await query(one.url, "create table mine ()");
    expect(await query(other.url, "select to_regclass('mine')")).toEqual([[null]]);
    await Promise.all([one.drop(), other.drop()]);
    await expect(query(one.url, "select 1")).rejects.toThrow("does not exist");
  });

  it("can be an empty one", async () => {
    const database = await createEmptyDatabase();
    expect(await query(database.url, "select to_regclass('subscription_plans')")).toEqual([[null]]);
    await database.drop();
  });
});

describe("a test Redis", () => {
  it("answers, freezes, dies and comes back empty on the same port", async () => {
    const server = await startTestRedis();
    const client = new Redis(server.url, { commandTimeout: 300, retryStrategy: () => 10 });
    client.on("error", () => {});
    await client.set("key", "value");
    server.pause();
    await expect(client.get("key")).rejects.toThrow("timed out");
    server.resume();
    expect(await client.get("key")).toBe("value");
    await server.restart();
    expect(await client.get("key")).toBeNull();
    client.disconnect();
    await server.stop();
  });
});

describe("a test browser", () => {
  it("shows a page", async () => {
    const browser = await openBrowser();
    const page = await browser.newPage();
    await page.setContent("<h1>Pay</h1>");
    expect(await page.textContent("h1")).toBe("Pay");
    await browser.close();
  });
});

describe("the summary line", () => {
  it("names what was skipped only when something was", () => {
    expect(summary({ passed: 3, failed: 0, skipped: 0 })).toBe("3 passed, 0 failed");
    expect(summary({ passed: 3, failed: 1, skipped: 2 })).toBe("3 passed, 1 failed, 2 skipped");
  });
});

test("what a service of the suite logs is read at its end, and a secret in it is found once", () => {
  const folder = mkdtempSync(join(tmpdir(), "suite-logs-"));
  const [before, { TEST_LOG_LEVEL }] = [process.env.TEST_LOG_DIR, process.env];
  try {
    process.env.TEST_LOG_DIR = folder;
    delete process.env.TEST_LOG_LEVEL;
    for (const msg of ["fine", "paid with 4242 4242 4242 4242", "4242 4242 4242 4242 again"])
      suiteLogger()?.debug(msg);
    expect(secretsOfSuite(folder)).toEqual({
      lines: 3,
      secrets: ["a card's number: 4242 4242 4242 4242"],
    });
  } finally {
    restore("TEST_LOG_DIR", before);
    restore("TEST_LOG_LEVEL", TEST_LOG_LEVEL);
    rmSync(folder, { recursive: true });
  }
  expect(secretsOfSuite(folder)).toEqual({ lines: 0, secrets: [] });
});

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

(judge ? test : test.skip)("a request of the service that Stripe would not understand is found", async () => {
  const sandbox = await startSandbox({ port: 0 });
  try {
    const ask = (query: string, userAgent: string) =>
      fetch(`${sandbox.url}/v1/customers?${query}`, {
        headers: { authorization: "Bearer sk_test_a", "user-agent": userAgent },
      });
    await ask("limit=3", "Stripe/v1 cloudmastershub-payment-service");
    await ask("invented=1", "a test of its own");
    expect(await faultsOfRequests(sandbox)).toEqual([]);
    await ask("invented=1", "Stripe/v1 cloudmastershub-payment-service");
    expect(await faultsOfRequests(sandbox)).toEqual([expect.stringContaining("GET /v1/customers")]);
  } finally {
    await sandbox.close();
  }
});

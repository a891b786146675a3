import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { FolderInUse } from "../../dev/embedded/lock.ts";
import { type Postgres, startPostgres } from "../../dev/embedded/postgres.ts";
import { databaseAccount } from "../../dev/embedded/postgres-account.ts";
import { removePostgresData } from "../../dev/embedded/postgres-place.ts";
import { findPostmaster } from "../../dev/embedded/postmaster.ts";
import { isAlive, waitUntilGone } from "../../dev/embedded/processes.ts";
import { watch } from "../support/processes.ts";
import { DIST } from "../support/root.ts";

const OWNER = join(DIST, "test/dev/owner.js");
const CLUSTER = /"place":"([^"]+)"/;

async function query(url: string, sql: string): Promise<unknown> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: "array" })).rows[0]?.[0];
  } finally {
    await client.end();
  }
}

const clusterOf = (postgres: Postgres) => join(postgres.place, "data");

async function pidOf(cluster: string): Promise<number> {
  const postmaster = await findPostmaster(cluster);
  if (!postmaster) throw new Error(`nothing runs on ${cluster}`);
  return postmaster.pid;
}

describe("the embedded PostgreSQL", () => {
  let dataDir: string;
  const start = () => startPostgres({ dataDir, durable: false });

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "postgres-test-"));
    await chmod(dataDir, 0o711);
  });
  afterEach(async () => {
    await removePostgresData(dataDir);
    await rm(dataDir, { recursive: true, force: true });
  });

  it("keeps its data, port and password from one start to the next", async () => {
    const first = await start();
    await query(first.url, "create table kept as select 7 as number");
    await first.stop();
    const second = await start();
    expect(second.url).toBe(first.url);
    expect(await query(second.url, "select number from kept")).toBe(7);
    await second.stop();
  });

  it("can be reached from this machine only, with a password that only we can read", async () => {
    const postgres = await start();
    expect(await query(postgres.url, "show listen_addresses")).toBe("127.0.0.1");
    expect(await query(postgres.url, "show unix_socket_directories")).toBe("");
    expect(statSync(join(dataDir, "postgres/password")).mode & 0o777).toBe(0o600);
    const wrong = postgres.url.replace(/:[^:@]+@/, ":guessed@");
    await expect(query(wrong, "select 1")).rejects.toThrow("password authentication failed");
    await postgres.stop();
  });

  it("takes another port when the one it had is taken", async () => {
    const first = await start();
    await first.stop();
    const intruder = createServer().listen(first.port, "127.0.0.1");
    const second = await start();
    expect(second.port).not.toBe(first.port);
    await second.stop();
    intruder.close();
  });

  it("is used again, and can be stopped, after its owner was killed", async () => {
    const owner = watch(process.execPath, [OWNER, "postgres", dataDir]);
    const [, place = ""] = await owner.until(CLUSTER);
    const pid = await pidOf(join(place, "data"));
    await owner.end("SIGKILL");
    expect(await isAlive(pid)).toBe(true);
    const postgres = await start();
    expect(await pidOf(clusterOf(postgres))).toBe(pid);
    await postgres.stop();
    expect(await isAlive(pid)).toBe(false);
  });

  it("refuses a second owner while the first one lives", async () => {
    const owner = watch(process.execPath, [OWNER, "postgres", dataDir]);
    await owner.until(CLUSTER);
    const refusal = start();
    await expect(refusal).rejects.toThrow(FolderInUse);
    await expect(refusal).rejects.toThrow(`is in use by process ${owner.child.pid}`);
    expect(await owner.end("SIGTERM")).toBe(0);
  });

  it("lets one of two that start at the same time have it", async () => {
    const outcomes = await Promise.allSettled([start(), start()]);
    const started = outcomes.filter((outcome) => outcome.status === "fulfilled");
    expect(started).toHaveLength(1);
    expect(outcomes.find((outcome) => outcome.status === "rejected")?.reason).toBeInstanceOf(FolderInUse);
    await started[0]?.value.stop();
  });

  it("recovers what was committed after it was killed itself", async () => {
    const first = await start();
    await query(first.url, "create table kept as select 7 as number");
    const pid = await pidOf(clusterOf(first));
    process.kill(pid, "SIGKILL");
    await waitUntilGone(pid, 5_000);
    await first.stop();
    const second = await start();
    expect(await query(second.url, "select number from kept")).toBe(7);
    await second.stop();
  });

  it("starts although its old process id now belongs to another program", async () => {
    const first = await start();
    const cluster = clusterOf(first);
    const pidFile = join(cluster, "postmaster.pid");
    const pid = await pidOf(cluster);
    process.kill(pid, "SIGKILL");
    await waitUntilGone(pid, 5_000);
    await first.stop();
    const account = await databaseAccount(cluster); // PostgreSQL only minds processes of its own account
    const other = spawn("sleep", ["60"], account && { uid: account.uid, gid: account.gid });
    writeFileSync(pidFile, readFileSync(pidFile, "utf8").replace(/^\d+/, `${other.pid}`));
    const second = await start();
    expect(await query(second.url, "select 1")).toBe(1);
    await second.stop();
    expect(other.exitCode ?? other.signalCode).toBeNull();
    other.kill();
  });

  it("makes the cluster anew when making it was cut off", async () => {
    const owner = watch(process.execPath, [OWNER, "postgres", dataDir]);
    const home = join(dataDir, "postgres");
    const halfMade = () =>
      (existsSync(home) ? readdirSync(home) : []).find((name) => /^making-\w+$/.test(name));
    const begun = () => existsSync(join(home, halfMade() ?? "none", "global"));
    while (!begun()) await new Promise((resolve) => setTimeout(resolve, 2));
    await owner.end("SIGKILL");
    expect(halfMade()).toBeDefined();
    expect(existsSync(join(home, "data"))).toBe(false);
    const postgres = await start();
    expect(await query(postgres.url, "select 1")).toBe(1);
    await postgres.stop();
    // an initdb that outlives its parent may still have been writing there: then a later start drops it
    for (let starts = 0; halfMade() && starts < 20; starts++) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      await (await start()).stop();
    }
    expect(halfMade()).toBeUndefined();
  });
});

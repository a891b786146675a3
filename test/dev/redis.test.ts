import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { isAlive, waitUntilGone } from "../../dev/embedded/processes.ts";
import { startRedis } from "../../dev/embedded/redis.ts";
import { watch } from "../support/processes.ts";
import { DIST } from "../support/root.ts";

const OWNER = join(DIST, "test/dev/owner.js");

async function withClient<T>(url: string, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url);
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}

const pidOf = (url: string) =>
  withClient(url, async (client) => Number(/process_id:(\d+)/.exec(await client.info("server"))?.[1]));

describe("the embedded Redis", () => {
  let dataDir: string;
  const start = async () => {
    const redis = await startRedis({ dataDir });
    if (redis.mock) throw new Error("there is a redis-server on PATH");
    return redis;
  };

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "redis-test-"));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it("keeps its data, port and password from one start to the next", async () => {
    const first = await start();
    await withClient(first.url, (client) => client.set("kept", "7"));
    await first.stop();
    const second = await start();
    expect(second.url).toBe(first.url);
    expect(await withClient(second.url, (client) => client.get("kept"))).toBe("7");
    await second.stop();
  });

  it("is used again, and can be stopped, after its owner was killed", async () => {
    const owner = watch(process.execPath, [OWNER, "redis", dataDir]);
    const [, url = ""] = await owner.until(/"url":"([^"]+)"/);
    const pid = await pidOf(url);
    await owner.end("SIGKILL");
    const redis = await start();
    expect(await pidOf(redis.url)).toBe(pid);
    await redis.stop();
    expect(await isAlive(pid)).toBe(false);
  });

  it("starts again after it was killed itself", async () => {
    const first = await start();
    await withClient(first.url, (client) => client.set("kept", "7"));
    const pid = await pidOf(first.url);
    process.kill(pid, "SIGKILL");
    await waitUntilGone(pid, 5_000);
    await first.stop();
    const second = await start();
    expect(await withClient(second.url, (client) => client.get("kept"))).toBe("7");
    await second.stop();
  });

  it("refuses a second owner while the first one lives", async () => {
    const redis = await start();
    await expect(start()).rejects.toThrow(`is in use by process ${process.pid}`);
    await redis.stop();
  });

  it("asks for the mock when there is no redis-server on PATH", async () => {
    const path = process.env.PATH;
    process.env.PATH = "/nowhere";
    try {
      const redis = await startRedis({ dataDir });
      expect(redis.mock).toBe(true);
      await redis.stop();
    } finally {
      process.env.PATH = path;
    }
  });
});

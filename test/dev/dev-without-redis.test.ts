import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runDemo } from "../../dev/demo-story.ts";
import { type DevPlace, makeDevPlace, pathWith } from "../support/dev-server.ts";
import type { Watched } from "../support/processes.ts";

describe("npm run dev on a machine without redis-server", () => {
  let folder: string;
  let place: DevPlace;
  let dev: Watched;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "no-redis-"));
    place = await makeDevPlace({ PATH: pathWith(join(folder, "bin"), "id", "ps") });
    dev = await place.start();
  }, 30_000);
  afterAll(async () => {
    await dev.end("SIGTERM");
    await place.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it("says that ioredis-mock stands in", () => {
    expect(dev.output()).toContain("No redis-server on PATH: ioredis-mock stands in for Redis");
  });

  it("tells the whole story, live update included", async () => {
    const userId = "learner-without-redis";
    const { stdout: token } = await place.run("token", ["--user", userId]);
    const { stdout: staff } = await place.run("token", ["--user", "staff", "--role", "admin"]);
    const { serviceUrl, sandboxUrl } = place;
    const lines: string[] = [];
    await runDemo({
      ...{ serviceUrl, sandboxUrl, userId, token: token.trim(), staffToken: staff.trim() },
      print: (line) => lines.push(line),
    });
    expect(lines).toHaveLength(13);
    expect(lines[5]).toMatch(/\d+ ms {2}The live update arrives without a reload: Premium, ACTIVE\./);
    expect(lines[11]).toMatch(/The live event arrives: PURCHASE_COMPLETED\./);
  });

  it("keeps decisions about access there", async () => {
    const { stdout: token } = await place.run("token", ["--user", "somebody-else"]);
    const query = '{ accessTo(resourceType: COURSE, resourceId: "any") { granted } }';
    const ask = () =>
      fetch(new URL("/graphql", place.serviceUrl), {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token.trim()}` },
        body: JSON.stringify({ query }),
      });
    for (let time = 0; time < 2; time++)
      expect(await (await ask()).json()).toEqual({ data: { accessTo: { granted: false } } });
    const metrics = await (await fetch(new URL("/metrics", place.serviceUrl))).text();
    expect(metrics).toMatch(/^access_decisions_total\{from="redis"\} [1-9]/m);
  });
});

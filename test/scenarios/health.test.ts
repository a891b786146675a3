import { eventually, startReplica, startService, type TestService } from "../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

interface Health {
  status: string;
  components: Record<string, string>;
}
const read = async (url: string, path = "/health") => {
  const response = await fetch(`${url}${path}`);
  return { code: response.status, body: (await response.json()) as Health };
};
const execute = <T extends object>(sql: string) => service.app.parts.orm.em.fork().execute<T[]>(sql);

test("all is well when everything is there, and says so of each part without naming where it is", async () => {
  const { body } = await eventually(
    () => read(service.url),
    ({ body: { status } }) => status === "ok",
  );
  expect(body).toEqual({
    status: "ok",
    components: { database: "up", migrations: "up", redis: "up", stripe: "sandbox", service: "up" },
  });
  expect(await read(service.url, "/health/readiness")).toEqual({ code: 200, body: { status: "ok" } });
  expect(await read(service.url, "/health/liveness")).toEqual({ code: 200, body: { status: "ok" } });
});

test("a process whose migrations are pending is not ready, and is once they are applied", async () => {
  const applied = "select name, executed_at::text from migrations order by id desc limit 1";
  const [last] = await execute<{ name: string; executed_at: string }>(applied);
  await execute(`delete from migrations where name = '${last?.name}'`);
  const replica = await startReplica(service, { WORKER: "off" });
  try {
    const { code, body } = await read(replica.url);
    expect(code).toBe(503);
    expect(body).toMatchObject({
      status: "unavailable",
      components: { database: "up", migrations: "pending" },
    });
    expect((await read(replica.url, "/health/readiness")).code).toBe(503);
    expect((await read(replica.url, "/health/liveness")).code).toBe(200);
    await execute(
      `insert into migrations (name, executed_at) values ('${last?.name}', '${last?.executed_at}')`,
    );
    await eventually(
      () => read(replica.url, "/health/readiness"),
      (answer) => answer.code === 200,
    );
  } finally {
    await replica.app.stop();
  }
});

test("a process that is stopping is not ready, and alive", async () => {
  const replica = await startReplica(service, { WORKER: "off" });
  try {
    await eventually(
      () => read(replica.url, "/health/readiness"),
      ({ code }) => code === 200,
    );
    replica.app.parts.health.drain();
    expect(await read(replica.url)).toMatchObject({
      code: 503,
      body: { status: "unavailable", components: { service: "draining" } },
    });
    expect((await read(replica.url, "/health/readiness")).code).toBe(503);
    expect((await read(replica.url, "/health/liveness")).code).toBe(200);
  } finally {
    await replica.app.stop();
  }
});

test.each<[string, () => Promise<void> | void, () => Promise<void> | void]>([
  ["away", () => service.redis.kill(), () => service.redis.restart()],
  ["frozen", () => service.redis.pause(), () => service.redis.resume()],
])(
  "without Redis, %s, the service is ready and degraded, until it is back",
  async (_name, lose, giveBack) => {
    await lose();
    const { code, body } = await eventually(
      () => read(service.url),
      (answer) => answer.body.components.redis === "down",
    );
    expect([code, body.status]).toEqual([200, "degraded"]);
    expect(await read(service.url, "/health/readiness")).toEqual({ code: 200, body: { status: "degraded" } });
    await giveBack();
    await eventually(
      () => read(service.url),
      (answer) => answer.body.status === "ok",
    );
  },
);

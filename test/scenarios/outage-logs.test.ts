import { Outage } from "../../src/outage.ts";
import { type Gate, openGate } from "../support/gate.ts";
import { type LogLine, recordLogs, watchConsole } from "../support/logs.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";
import { deliver, eventOf } from "../support/webhook.ts";

const DATABASE_AWAY = "The database is out of reach; it is tried again until it answers";
const REDIS_AWAY = "Redis is out of reach; it is tried again until it answers";
const LONG = 600;

const { logger, lines } = recordLogs("info");
const console = watchConsole();
let gate: Gate;
let service: TestService;
beforeAll(async () => {
  gate = await openGate(Number(new URL(process.env.TEST_DATABASE_ADMIN_URL as string).port));
  service = await startService({ throughGate: gate.port, overrides: { logger } });
});
afterAll(async () => {
  gate.open();
  await service.stop();
  await gate.close();
  console.stop();
});
beforeEach(() => void lines.splice(0));

const saying = (message: string) => lines.filter(({ msg }) => msg === message);
const until = (message: string) =>
  eventually(
    () => saying(message),
    (found) => found.length > 0,
  );
const tooLong = (found: LogLine[]) => found.filter((line) => JSON.stringify(line).length > LONG);

test("a database that goes away is one warning and short lines, and one more when it is back", async () => {
  gate.shut();
  await until(DATABASE_AWAY);
  await service.ask("{ subscriptionStatus { id } }", {}, await service.token(newUser()));
  await deliver(service, JSON.stringify(eventOf("made.up", { id: "x" })));
  await until("The database is still out of reach");
  gate.open();
  await until("The database is back");
  expect(saying(DATABASE_AWAY)).toHaveLength(1);
  expect(tooLong(lines)).toEqual([]);
  expect(console.printed).toEqual([]);
});

test("a Redis that goes away is one warning, and one line when it is back", async () => {
  await service.redis.kill();
  await until(REDIS_AWAY);
  await service.redis.restart();
  await until("Redis is back");
  expect(saying(REDIS_AWAY)).toHaveLength(1);
  expect(tooLong(lines)).toEqual([]);
});

test("a Redis that is not there at the start is told, without its password", async () => {
  const other = await startService({
    env: { REDIS_URL: "redis://someone:hush@127.0.0.1:1/0" },
    overrides: { logger },
  });
  await until(REDIS_AWAY);
  expect(saying(REDIS_AWAY)[0]).toMatchObject({ level: 40, reason: "ECONNREFUSED" });
  await other.stop();
  expect(JSON.stringify(lines)).not.toContain("hush");
});

test("however often a part is tried, the log hears of it ever less often", () => {
  let now = 0;
  const heard = recordLogs();
  const outage = new Outage("It", heard.logger, () => now);
  for (; now < 3_600_000; now += 50) outage.failed(Object.assign(new Error("no"), { code: "ECONNREFUSED" }));
  outage.ended();
  outage.ended();
  const seconds = heard.lines.map((line) => line.seconds);
  expect(seconds.slice(0, 7)).toEqual([undefined, 2, 6, 14, 30, 62, 122]);
  expect(seconds.length).toBeLessThan(70);
  expect(heard.lines.at(-1)).toMatchObject({ msg: "It is back", seconds: 3_600, level: 30 });
  outage.failed(new Error("again"));
  expect(heard.lines.at(-1)).toMatchObject({ level: 40, reason: "again" });
});

import { Client } from "pg";
import { Sweep } from "../../src/jobs/sweep.ts";
import { Outage } from "../../src/outage.ts";
import { recordLogs } from "../support/logs.ts";
import { eventually, startService, type TestService } from "../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService({ env: { WORKER: "off" } });
});
afterAll(() => service.stop());

test("a sweep that takes longer than the time between two has no second beside it, and is waited for", async () => {
  const { logger } = recordLogs();
  const { orm, workers } = service.app.parts;
  const newClient = async () => {
    const client = new Client({ connectionString: service.database.url });
    await client.connect();
    return client;
  };
  const [blocker, watcher] = [await newClient(), await newClient()];
  const waiting = async () =>
    (
      await watcher.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
         and query like '%from stripe_events%'`,
      )
    ).rowCount;
  await blocker.query("begin");
  await blocker.query("lock table stripe_events in access exclusive mode");
  const sweep = new Sweep(orm.em, workers, logger, new Outage("The database", logger));
  sweep.start(5);
  let hasStopped = false;
  let stopped = Promise.resolve();
  try {
    await eventually(waiting, (count) => count !== 0);
    // a fifth of a second is the time of forty sweeps
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await waiting()).toBe(1);
    stopped = sweep.stop().then(() => {
      hasStopped = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(hasStopped).toBe(false);
  } finally {
    await blocker.query("commit");
    await sweep.stop();
    await Promise.all([blocker.end(), watcher.end()]);
  }
  await stopped;
  expect(hasStopped).toBe(true);
});

import { runCommand } from "../support/command.ts";
import { startService, type TestService } from "../support/service.ts";
import { deliver, eventOf } from "../support/webhook.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService({ env: { WORKER: "off" }, webhooks: false });
});
afterAll(() => service.stop());

const execute = <T extends object>(sql: string, params: unknown[] = []) =>
  service.app.parts.orm.em.fork().execute<T[]>(sql, params);
const replay = (...args: string[]) => runCommand(service, "webhooks-replay", ...args);

async function received(status: string, receivedAt: string): Promise<string> {
  const event = eventOf("customer.updated", { id: "cus_1" });
  await deliver(service, JSON.stringify(event));
  await execute("update stripe_events set status = ?, received_at = ? where id = ?", [
    ...[status, receivedAt, event.id],
  ]);
  return event.id;
}
async function pending(): Promise<string[]> {
  const rows = await execute<{ id: string }>(
    "select id from stripe_events where status = 'pending' order by id",
  );
  return rows.map(({ id }) => id);
}

test("dead letters, events since a moment, or one by its id are worked on again; a dry run only counts", async () => {
  const [old, dead, done] = [
    await received("failed", "2026-01-01"),
    await received("failed", "2026-02-01"),
    await received("done", "2026-02-02"),
  ];
  const dry = await replay("--failed", "--dry-run");
  expect([dry.code, dry.stdout]).toEqual([0, expect.stringMatching(/would be worked on again +2\n/)]);
  expect(await pending()).toEqual([]);

  expect(await replay("--failed", "--since", "2026-01-15")).toMatchObject({ code: 0 });
  expect(await pending()).toEqual([dead]);
  expect((await replay("--since", "2026-01-15")).stdout).toMatch(/^worked on again +1$/m);
  expect(await pending()).toEqual([dead, done].sort());
  const last = await replay("--id", old, "--id", dead, "--id", "evt_nowhere");
  expect(last.stdout).toMatch(/^worked on again +1$/m);
  expect(last.stdout).toMatch(/^was pending: woken +1$/m);
  expect(last.stdout).toMatch(/^not in the inbox +1$/m);
  expect(last.code).toBe(1);
  const [entry] = await execute<{ actor: string }>("select actor from audit_log where row_id = ?", [old]);
  expect(entry?.actor).toMatch(/^operator:./);
}, 60_000);

test("the command explains itself, and refuses what it does not understand", async () => {
  expect(await replay("--help")).toMatchObject({ code: 0, stdout: expect.stringContaining("--failed") });
  expect(await replay()).toMatchObject({ code: 2, stderr: expect.stringContaining("Say which events") });
  expect(await replay("--since", "yesterday")).toMatchObject({ code: 2 });
}, 60_000);

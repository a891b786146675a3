import { Redis } from "ioredis";
import { v7 } from "uuid";
import type { EventType } from "../../src/events/event-types.ts";
import { addToOutbox } from "../../src/events/outbox.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService({ env: { WORKER: "off" }, webhooks: false });
});
afterAll(() => service.stop());

const em = () => service.app.parts.orm.em.fork();
/** Writes one event of each type, and returns their ids. */
async function write(userId: string, ...types: EventType[]): Promise<string[]> {
  const events = types.map((type) => ({
    ...{ id: v7(), type, userId },
    ...{ occurredAt: new Date(), data: { grantIds: [] } },
  }));
  await em().transactional((tx) => addToOutbox(tx, events));
  return events.map(({ id }) => id);
}
const unsentOf = async (userId: string) =>
  (await em().execute("select 1 from outbox where user_id = ? and sent_at is null", [userId])).length;

test("what is sent of one user's is noted as sent, and nothing of anybody else's", async () => {
  const [one, other] = [newUser(), newUser()];
  await write(one, "access.changed", "access.changed", "access.changed");
  await write(other, "access.changed", "access.changed");
  await service.app.parts.relay.send(one);
  expect([await unsentOf(one), await unsentOf(other)]).toEqual([0, 2]);
  await service.app.parts.relay.send(other);
  expect(await unsentOf(other)).toBe(0);
  const { values } = await service.app.parts.metrics.published.get();
  expect(values).toEqual([{ value: 5, labels: { type: "access.changed" } }]);
});

test("one that fails twice holds back the later ones of its user, which arrive after it, and nobody else's", async () => {
  const [one, other] = [newUser(), newUser()];
  const admin = new Redis(service.redis.url);
  await admin.call("ACL", "SETUSER", "listener", "on", "nopass", "~*", "&*", "+@all");
  const listener = new Redis(service.redis.url, { username: "listener", password: "any" });
  const heard: { id: string; subject: string }[] = [];
  listener.on("pmessage", (_pattern, _channel, message) => heard.push(JSON.parse(message)));
  await listener.psubscribe("access.*", "payment.*", "subscription.*");
  const heardOf = (user: string) => [
    ...new Set(heard.filter(({ subject }) => subject === user).map(({ id }) => id)),
  ];
  try {
    const ids = await write(one, "access.changed", "payment.succeeded", "subscription.updated");
    const [theirs] = await write(other, "access.changed");
    // Redis takes everything but this type
    await admin.call(
      "ACL",
      "SETUSER",
      "default",
      "resetchannels",
      "&access.*",
      "&subscription.*",
      "&payment:*",
    );
    for (const attempt of [1, 2]) {
      await service.app.parts.relay.send(one);
      await eventually(
        () => heardOf(one),
        (seen) => seen.length > 0,
      );
      expect(heardOf(one)).toEqual(ids.slice(0, 1));
      const [head] = await em().execute<{ attempts: number }[]>("select attempts from outbox where id = ?", [
        ids[0],
      ]);
      expect(head?.attempts).toBe(attempt);
      await em().execute("update outbox set next_try_at = now() where user_id = ?", [one]);
    }
    await service.app.parts.relay.send(other);
    expect([await unsentOf(one), await unsentOf(other)]).toEqual([3, 0]);

    await admin.call("ACL", "SETUSER", "default", "allchannels");
    await service.app.parts.relay.send(one);
    expect(await unsentOf(one)).toBe(0);
    await eventually(
      () => heardOf(one),
      (seen) => seen.length === 3,
    );
    expect([heardOf(one), heardOf(other)]).toEqual([ids, [theirs]]);
  } finally {
    listener.disconnect();
    await admin.call("ACL", "SETUSER", "default", "allchannels");
    admin.disconnect();
  }
});

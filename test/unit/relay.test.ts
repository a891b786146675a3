import { v7 } from "uuid";
import { addToOutbox } from "../../src/events/outbox.ts";
import { newUser, startService, type TestService } from "../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService({ env: { WORKER: "off" }, webhooks: false });
});
afterAll(() => service.stop());

const em = () => service.app.parts.orm.em.fork();
const write = (userId: string, count: number) =>
  em().transactional((tx) =>
    addToOutbox(
      tx,
      Array.from({ length: count }, () => ({
        ...{ id: v7(), type: "access.changed" as const, userId },
        ...{ occurredAt: new Date(), data: { grantIds: [] } },
      })),
    ),
  );
const unsentOf = async (userId: string) =>
  (await em().execute("select 1 from outbox where user_id = ? and sent_at is null", [userId])).length;

test("what is sent of one user's is noted as sent, and nothing of anybody else's", async () => {
  const [one, other] = [newUser(), newUser()];
  await write(one, 3);
  await write(other, 2);
  await service.app.parts.relay.send(one);
  expect([await unsentOf(one), await unsentOf(other)]).toEqual([0, 2]);
  await service.app.parts.relay.send(other);
  expect(await unsentOf(other)).toBe(0);
  const { values } = await service.app.parts.metrics.published.get();
  expect(values).toEqual([{ value: 5, labels: { type: "access.changed" } }]);
});

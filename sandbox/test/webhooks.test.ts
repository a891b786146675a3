import { once } from "node:events";
import net from "node:net";
import { eventually } from "./support/eventually.ts";
import { Receiver } from "./support/receiver.ts";
import { closeLeftovers, order, type TestSandbox, testSandbox } from "./support/sandbox.ts";

let box: TestSandbox;
let receiver: Receiver;
beforeEach(async () => {
  box = await testSandbox({ backOffSeconds: [0.02] });
  receiver = await Receiver.start();
});
afterEach(async () => {
  receiver.close();
  await box.close().finally(closeLeftovers);
});

const listen = (enabled_events: ("*" | "customer.created" | "customer.updated")[] = ["*"]) =>
  box.stripe.webhookEndpoints.create({ url: receiver.url, enabled_events });

test("events arrive as Stripe signs them, in order", async () => {
  const endpoint = await listen();
  const { session } = await order(box.stripe);
  await box.complete(session.id, "pm_card_visa");
  const events = await box.events();
  await receiver.count(events.length);
  expect(receiver.types).toEqual(events.map(({ type }) => type));
  for (const { body, signature } of receiver.received) {
    const event = box.stripe.webhooks.constructEvent(body, signature, endpoint.secret!);
    expect(event.api_version).toBe("2026-10-28.endive");
  }
  expect(() =>
    box.stripe.webhooks.constructEvent(
      receiver.received[0]!.body,
      receiver.received[0]!.signature,
      "whsec_other",
    ),
  ).toThrow();
});

test("an endpoint gets only what it asked for, in its own version", async () => {
  await box.stripe.webhookEndpoints.create({
    url: receiver.url,
    enabled_events: ["customer.updated"],
    api_version: "2024-06-20" as never,
  });
  const { id } = await box.stripe.customers.create({ name: "A" });
  await box.stripe.customers.update(id, { name: "A" });
  await box.stripe.customers.update(id, { name: "B" });
  await receiver.count(1);
  expect(receiver.received[0]!.event).toMatchObject({ type: "customer.updated", api_version: "2024-06-20" });
  const { data } = JSON.parse(receiver.received[0]!.body);
  expect(data).toMatchObject({ object: { name: "B" }, previous_attributes: { name: "A" } });
});

test("a delivery is tried again, freshly signed, until it is acknowledged", async () => {
  const endpoint = await listen(["customer.created"]);
  let see = () => {};
  const seen = new Promise<void>((resolve) => {
    see = resolve;
  });
  receiver.answer = (n) => (n === 0 ? 500 : seen.then(() => 204));
  await box.stripe.customers.create();
  await receiver.count(2);
  const pending = async () => (await box.stripe.events.list()).data[0]!.pending_webhooks;
  expect(await pending()).toBe(1);
  see();
  await eventually(pending, (count) => count === 0);
  expect(await box.deliveries()).toMatchObject([
    { state: "delivered", attempts: [{ status: 500 }, { status: 204 }] },
  ]);
  for (const { body, signature } of receiver.received)
    box.stripe.webhooks.constructEvent(body, signature, endpoint.secret!);
});

/** The state of each delivery, once none is on its way. */
const settled = async () =>
  (
    await eventually(
      () => box.deliveries(),
      (found) => found.every(({ state }) => state !== "pending"),
    )
  ).map(({ state }) => state);

test("a redirect is no acknowledgement, and a deleted endpoint gets nothing more", async () => {
  const endpoint = await listen(["customer.created"]);
  receiver.answer = async () => {
    await box.stripe.webhookEndpoints.del(endpoint.id);
    return 302;
  };
  await box.stripe.customers.create();
  expect(await settled()).toEqual(["canceled"]);
  expect(receiver.received).toHaveLength(1);
});

test("signing time is real time, however far the sandbox's has moved", async () => {
  await listen(["customer.created"]);
  await box.advance({ days: 40 });
  await box.stripe.customers.create();
  await receiver.count(1);
  const signed = Number(/t=(\d+)/.exec(receiver.received[0]!.signature)![1]);
  expect(Math.abs(signed - Date.now() / 1000)).toBeLessThan(5);
});

test("faults drop, repeat and reorder deliveries, the same for the same seed", async () => {
  await listen(["customer.created"]);
  await box.control("/faults", { webhooks: { drop: 1 } });
  await box.stripe.customers.create();
  await eventually(
    () => box.deliveries(),
    ([delivery]) => delivery!.attempts.length >= 2,
  );
  expect(receiver.received).toHaveLength(0);
  await box.control("/faults", { reset: true });
  await receiver.count(1);

  await box.control("/faults", { webhooks: { duplicate: 2 } });
  await box.stripe.customers.create();
  await receiver.count(4);
  expect(new Set(receiver.received.slice(1).map(({ event }) => event.id)).size).toBe(1);
});

test("a reordered purchase arrives whole, in another order", async () => {
  await listen();
  const { session } = await order(box.stripe);
  await receiver.count(3);
  await box.control("/faults", { seed: 7, webhooks: { reorder: true } });
  await box.complete(session.id, "pm_card_visa");
  const types = await box.eventTypes();
  await receiver.count(types.length);
  expect([...receiver.types].sort()).toEqual([...types].sort());
  expect(receiver.types).not.toEqual(types);
});

test("several secrets sign together while one is being rolled", async () => {
  const rolling = await testSandbox({ webhookSecrets: ["whsec_new", "whsec_old"] });
  const endpoint = await rolling.stripe.webhookEndpoints.create({ url: receiver.url, enabled_events: ["*"] });
  expect(endpoint.secret).toBe("whsec_new");
  await rolling.stripe.customers.create();
  await receiver.count(1);
  const [{ body, signature } = { body: "", signature: "" }] = receiver.received;
  for (const secret of ["whsec_new", "whsec_old"])
    rolling.stripe.webhooks.constructEvent(body, signature, secret);
  expect(signature.match(/v1=/g)).toHaveLength(2);
  await rolling.close();
});

describe("a rolled secret", () => {
  const roll = (endpoint: string, body: object = {}) =>
    box.control(`/webhook_endpoints/${endpoint}/roll`, body);
  const verifies = (secret: string, { body, signature } = receiver.received.at(-1)!) => {
    try {
      return Boolean(box.stripe.webhooks.constructEvent(body, signature, secret));
    } catch {
      return false;
    }
  };

  test("signs beside the old one until that ends", async () => {
    const endpoint = await listen(["customer.created"]);
    const { body } = await roll(endpoint.id, { expire_hours: 2 });
    const [fresh, old] = [String(body.secret), endpoint.secret!];
    expect(fresh).not.toBe(old);
    await box.stripe.customers.create();
    await receiver.count(1);
    expect(receiver.received[0]!.signature.match(/v1=/g)).toHaveLength(2);
    expect([verifies(fresh), verifies(old)]).toEqual([true, true]);

    await box.advance({ hours: 2, seconds: 1 });
    await box.stripe.customers.create();
    await receiver.count(2);
    expect([verifies(fresh), verifies(old)]).toEqual([true, false]);
  });

  test("can replace the old one at once, and again while that still signs", async () => {
    const endpoint = await listen(["customer.created"]);
    const second = String((await roll(endpoint.id)).body.secret);
    const third = String((await roll(endpoint.id, { expire_hours: 0 })).body.secret);
    await box.stripe.customers.create();
    await receiver.count(1);
    expect([endpoint.secret!, second, third].map((secret) => verifies(secret))).toEqual([true, false, true]);
  });

  test("is refused for more than a day, and for an endpoint that is none", async () => {
    const endpoint = await listen();
    expect(await roll(endpoint.id, { expire_hours: 25 })).toMatchObject({ status: 400 });
    expect(await roll("we_none")).toMatchObject({ status: 404 });
  });
});

describe("an event sent once more", () => {
  test("arrives again where it was sent before", async () => {
    await listen(["customer.created"]);
    await box.stripe.customers.create();
    await receiver.count(1);
    const [event] = await box.events();
    const { body } = await box.control(`/events/${event!.id}/resend`, {});
    expect(body.deliveries).toHaveLength(1);
    await receiver.count(2);
    expect(receiver.received.map(({ event: { id } }) => id)).toEqual([event!.id, event!.id]);
  });

  test("arrives where it would go now, when it was sent nowhere", async () => {
    await box.stripe.customers.create();
    const [event] = await box.events();
    await listen(["customer.created"]);
    await listen(["customer.updated"]);
    expect((await box.control(`/events/${event!.id}/resend`, {})).body.deliveries).toHaveLength(1);
    await receiver.count(1);
    expect((await box.control("/events/evt_none/resend", {})).status).toBe(404);
  });
});

test("a disabled endpoint gets nothing, not even what was on its way", async () => {
  const endpoint = await listen(["customer.created"]);
  receiver.answer = async () => {
    await box.stripe.webhookEndpoints.update(endpoint.id, { disabled: true });
    return 500;
  };
  await box.stripe.customers.create();
  expect(await settled()).toEqual(["canceled"]);
  await box.stripe.customers.create();
  expect(await settled()).toEqual(["canceled"]);
  expect(receiver.received).toHaveLength(1);
});

test("closing does not wait for a receiver that hangs", async () => {
  const other = await testSandbox();
  const silent = net.createServer();
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as net.AddressInfo;
  await other.stripe.webhookEndpoints.create({ url: `http://127.0.0.1:${port}/`, enabled_events: ["*"] });
  const asked = once(silent, "connection");
  await other.stripe.customers.create();
  await asked;
  // A delivery is given up after ten seconds; closing is well before that, or has waited for it.
  let timer: NodeJS.Timeout | undefined;
  const waited = new Promise((resolve) => {
    timer = setTimeout(resolve, 9_000, "waited");
  });
  expect(await Promise.race([other.sandbox.close(), waited])).toBeUndefined();
  clearTimeout(timer);
  silent.close();
});

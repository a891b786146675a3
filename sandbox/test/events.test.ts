import { eventually } from "./support/eventually.ts";
import { Receiver } from "./support/receiver.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";

let box: TestSandbox;
beforeEach(async () => {
  box = await testSandbox();
});
afterEach(() => box.close());

const types = async (params: object) =>
  (await box.stripe.events.list(params)).data.map(({ type }) => type).reverse();

test("are listed by type, by group of types, or by several types", async () => {
  const { id } = await box.stripe.customers.create();
  await box.stripe.customers.update(id, { name: "A" });
  await box.stripe.products.create({ name: "P" });
  expect(await types({ type: "customer.updated" })).toEqual(["customer.updated"]);
  expect(await types({ type: "customer.*" })).toEqual(["customer.created", "customer.updated"]);
  expect(await types({ types: ["product.created", "customer.created"] })).toEqual([
    "customer.created",
    "product.created",
  ]);
});

test.each([
  ["type and types together", { type: "customer.created", types: ["customer.created"] }],
  ["more than twenty types", { types: Array.from({ length: 21 }, (_, at) => `customer.${at}`) }],
])("%s are refused", async (_what, params) => {
  await expect(types(params)).rejects.toMatchObject({ param: "types", statusCode: 400 });
});

test("can be read for 30 days", async () => {
  await box.stripe.customers.create();
  const [event] = (await box.stripe.events.list()).data;
  await box.advance({ days: 29, hours: 23 });
  expect((await box.stripe.events.retrieve(event!.id)).id).toBe(event!.id);
  await box.advance({ hours: 2 });
  expect((await box.stripe.events.list()).data).toEqual([]);
  await expect(box.stripe.events.retrieve(event!.id)).rejects.toMatchObject({ statusCode: 404 });
});

test("are let go of after that, once they are delivered", async () => {
  const receiver = await Receiver.start();
  const isKept = async (id: string) => (await fetch(`${box.url}/sandbox/object/${id}`)).status === 200;
  await box.stripe.customers.create();
  await box.stripe.webhookEndpoints.create({ url: receiver.url, enabled_events: ["product.created"] });
  await box.stripe.products.create({ name: "Delivered" });
  await receiver.count(1);
  await eventually(
    () => types({ delivery_success: false }),
    (found) => found.length === 0,
  );
  await box.control("/faults", { webhooks: { delayMs: 60_000 } });
  await box.stripe.products.create({ name: "On its way" });
  const ids = (await box.events()).map(({ id }) => id);
  await box.advance({ days: 31 });
  for (let at = 0; at < 3; at++) await box.stripe.customers.create();
  expect(await Promise.all(ids.map(isKept))).toEqual([false, false, true]);
  expect(await box.deliveries()).toMatchObject([{ event: ids[2], state: "pending" }]);
  receiver.close();
});

test("are told apart by whether all webhooks have their acknowledgement", async () => {
  const receiver = await Receiver.start();
  receiver.answer = (n) => (n === 0 ? 500 : 200);
  await box.stripe.customers.create();
  await box.stripe.webhookEndpoints.create({ url: receiver.url, enabled_events: ["product.created"] });
  await box.stripe.products.create({ name: "P" });
  await receiver.count(1);
  expect(await types({ delivery_success: true })).toEqual(["customer.created"]);
  expect(await types({ delivery_success: false })).toEqual(["product.created"]);
  await receiver.count(2);
  await eventually(
    () => types({ delivery_success: false }),
    (found) => found.length === 0,
  );
  expect(await types({ delivery_success: true })).toEqual(["customer.created", "product.created"]);
  receiver.close();
});

import { jest } from "@jest/globals";
import type Stripe from "stripe";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { HALF, Subscriber } from "./support/subscriber.ts";
import { priceOf, type TestClock } from "./support/subscribing.ts";

jest.setTimeout(30_000);

let box: TestSandbox;
let subscriber: Subscriber;
let clock: TestClock;
let price: Stripe.Price;
let subscription: Stripe.Subscription;
beforeEach(async () => {
  box = await testSandbox();
  subscriber = await Subscriber.start(box);
  ({ clock, price, subscription } = subscriber);
});
afterEach(() => box.close());

describe("subscription items", () => {
  const items = () => box.stripe.subscriptionItems;

  test("are added, changed, read, listed and taken away, with prorations", async () => {
    await clock.to(HALF);
    const seat = await priceOf(box, 600);
    const added = await items().create({ subscription: subscription.id, price: seat.id, quantity: 2 });
    expect(added).toMatchObject({ quantity: 2, price: { id: seat.id } });
    expect(await items().retrieve(added.id)).toEqual(added);
    expect(await items().update(added.id, { quantity: 3, metadata: { a: "b" } })).toMatchObject({
      id: added.id,
      quantity: 3,
      metadata: { a: "b" },
    });
    const { data } = await items().list({ subscription: subscription.id });
    expect(data.map(({ id }) => id)).toEqual([subscription.items.data[0]!.id, added.id]);
    expect(await items().del(added.id)).toMatchObject({ id: added.id, deleted: true });
    expect(await subscriber.pending()).toEqual([600, -600, 900, -900]);
    await expect(items().retrieve(added.id)).rejects.toMatchObject({ statusCode: 404 });
  });

  test("name what is wrong with them", async () => {
    const create = (params: Partial<Stripe.SubscriptionItemCreateParams>) =>
      items().create({ subscription: subscription.id, ...params });
    await expect(create({ price: "price_x" })).rejects.toMatchObject({ param: "price" });
    await expect(create({})).rejects.toMatchObject({ param: "price", code: "parameter_missing" });
    await expect(items().create({ subscription: "sub_x", price: price.id })).rejects.toMatchObject({
      param: "subscription",
    });
    await expect(items().update("si_x", { quantity: 2 })).rejects.toMatchObject({ statusCode: 404 });
    await expect(items().del(subscription.items.data[0]!.id)).rejects.toMatchObject({ statusCode: 400 });
    expect((await subscriber.current()).items).toEqual(subscription.items);
  });
});

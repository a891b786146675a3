import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import { openCheckout, subscribe } from "../support/checkout.ts";
import { collect, eventually, newUser, startService, type TestService } from "../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

const EVENTS = `subscription ($types: [PaymentEventType!], $after: ID) {
  paymentEvents(types: $types, after: $after) {
    id type occurredAt user { id } subscription { id status } payment { id amount { amount } status }
  }
}`;

/** All events of the bearer so far, by replaying from the first. */
async function eventsOf(userId: string): Promise<{ id: string; type: string }[]> {
  return service.app.parts.orm.em
    .fork()
    .execute("select id, type from outbox where user_id = ? order by sequence", [userId]);
}

test("events arrive as they happen, with what they are about", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  const live = collect(service.live(token), EVENTS);
  await eventually(
    () => service.app.parts.metrics.liveSubscriptions.get(),
    ({ values }) => (values[0]?.value ?? 0) > 0,
  );
  const { data } = await openCheckout(service, token);
  await service.pay(data.createCheckoutSession.id, "pm_card_visa_chargeDeclined");
  await service.pay(data.createCheckoutSession.id);
  const seen = () => live.results.map((result) => result.data.paymentEvents);
  await eventually(
    () => seen().map(({ type }) => type),
    (types) => types.includes("PAYMENT_SUCCEEDED") && types.includes("SUBSCRIPTION_CREATED"),
  );
  expect(seen()).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ type: "PAYMENT_FAILED", user: { id: userId } }),
      expect.objectContaining({
        type: "PAYMENT_SUCCEEDED",
        payment: expect.objectContaining({ amount: { amount: 3_900 }, status: "SUCCEEDED" }),
        subscription: expect.objectContaining({ id: expect.any(String) }),
      }),
      expect.objectContaining({ type: "SUBSCRIPTION_CREATED", payment: null }),
    ]),
  );
  live.stop();
});

test("an event of somebody else, or of nobody, is no place to go on from", async () => {
  const other = newUser();
  await subscribe(service, await service.token(other));
  const foreign = (
    await eventually(
      () => eventsOf(other),
      (events) => events.length > 0,
    )
  )[0] as { id: string };
  for (const after of [foreign.id, "01890000-0000-7000-8000-000000000000", "nonsense"]) {
    const live = collect(service.live(await service.token(newUser())), EVENTS, { variables: { after } });
    await eventually(live.ended, Boolean);
    const refusal = live.results[0]?.errors ?? (live.failure() as { extensions: object }[]);
    expect(refusal[0]?.extensions).toMatchObject({ code: "BAD_USER_INPUT", field: "after" });
  }
});

test("only the types that were asked for are shown", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  await subscribe(service, token);
  const all = await eventually(
    () => eventsOf(userId),
    (events) => events.some(({ type }) => type === "subscription.created"),
  );
  const before = all.findIndex(({ type }) => type === "subscription.created") - 1;
  if (before < 0) return expect(all[0]?.type).toBe("subscription.created");
  const live = collect(service.live(token), EVENTS, {
    variables: { after: all[before]?.id, types: ["SUBSCRIPTION_CREATED"] },
  });
  await eventually(
    () => live.results.length,
    (count) => count > 0,
  );
  expect(live.results.map(({ data }) => data.paymentEvents.type)).toEqual(["SUBSCRIPTION_CREATED"]);
  live.stop();
});

test("the grants come first as they are, then at each change", async () => {
  const token = await service.token(newUser());
  const live = collect(service.live(token), "subscription { accessChanged { scope source isActive } }");
  await eventually(
    () => live.results.length,
    (count) => count === 1,
  );
  expect(live.results[0]?.data.accessChanged).toEqual([]);
  await subscribe(service, token);
  const granted = await eventually(
    () => live.results.at(-1)?.data.accessChanged,
    (grants) => grants.length > 0,
  );
  expect(granted).toEqual([{ scope: "PLATFORM", source: "SUBSCRIPTION", isActive: true }]);
  live.stop();
});

describe("the token is taken from wherever clients put it", () => {
  test.each<[string, (token: string) => { params?: object; headers?: Record<string, string> }]>([
    ["token", (token) => ({ params: { token } })],
    ["authorization with Bearer", (token) => ({ params: { authorization: `Bearer ${token}` } })],
    ["authorization without", (token) => ({ params: { authorization: token } })],
    ["Authorization", (token) => ({ params: { Authorization: `bearer ${token}` } })],
    ["the header of the upgrade", (token) => ({ headers: { authorization: `Bearer ${token}` } })],
  ])("%s", async (_name, place) => {
    const { params, headers } = place(await service.token(newUser()));
    class Socket extends WebSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol, { headers: headers ?? {} });
      }
    }
    const client = createClient({
      url: `${service.url.replace("http", "ws")}/graphql`,
      webSocketImpl: Socket,
      connectionParams: { ...params },
      retryAttempts: 0,
    });
    const live = collect(client, "subscription { subscriptionStatusChanged { id } }");
    const [first] = await eventually(
      () => live.results,
      (results) => results.length > 0,
    );
    expect(first).toEqual({ data: { subscriptionStatusChanged: null } });
    await client.dispose();
  });
});

test("a subscription that its client leaves is forgotten", async () => {
  const open = async () => (await service.app.parts.metrics.liveSubscriptions.get()).values[0]?.value ?? 0;
  await eventually(open, (count) => count === 0);
  const live = collect(service.live(await service.token(newUser())), "subscription { accessChanged { id } }");
  await eventually(open, (count) => count === 1);
  live.stop();
  await eventually(open, (count) => count === 0);
});

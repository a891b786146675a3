import { Redis } from "ioredis";
import { CONFIRM, COURSE_ACCESS, openCheckout, planId, STATUS } from "../support/checkout.ts";
import { collect, eventually, newUser, startService, type TestService } from "../support/service.ts";

const LIVE_STATUS = "subscription { subscriptionStatusChanged { id status grantsAccess } }";
let service: TestService;

beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

/** Every message on the channels that other services listen to. */
async function listenToChannels() {
  const redis = new Redis(service.redis.url);
  const messages: { channel: string; event: { id: string; type: string; subject: string; data: object } }[] =
    [];
  redis.on("message", (channel, message) => messages.push({ channel, event: JSON.parse(message) }));
  await redis.subscribe(
    "subscription.created",
    "subscription.updated",
    "subscription.cancelled",
    "payment.succeeded",
    "payment.failed",
    "access.changed",
  );
  return { messages, close: () => redis.disconnect() };
}

test("anyone may read the price list", async () => {
  const { data } = await service.ask(`{ plans { name tier interval trialDays isActive
    price { amount currency } monthlyPrice { amount } } paymentConfig { publishableKey } }`);
  expect(data.plans).toEqual([
    expect.objectContaining({ name: "Free", price: { amount: 0, currency: "USD" }, interval: null }),
    expect.objectContaining({
      name: "Premium Annual",
      price: { amount: 34_800, currency: "USD" },
      monthlyPrice: { amount: 2_900 },
      interval: "YEAR",
    }),
    expect.objectContaining({
      name: "Premium",
      price: { amount: 3_900, currency: "USD" },
      interval: "MONTH",
    }),
    expect.objectContaining({ name: "Enterprise", price: { amount: 9_900, currency: "USD" } }),
  ]);
  expect(data.paymentConfig.publishableKey).toBe("pk_test_suite");
});

test("who pays on the checkout page is let in, live, with no further call", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  const channels = await listenToChannels();
  const live = collect(service.live(token), LIVE_STATUS);
  await eventually(
    () => live.results.length,
    (count) => count > 0,
  );
  expect(live.results[0]?.data.subscriptionStatusChanged).toBeNull();

  const { data } = await openCheckout(service, token);
  const page = await (await fetch(data.createCheckoutSession.url)).text();
  expect(page).toContain("Premium");
  expect(page).toContain("$39.00");
  await service.pay(data.createCheckoutSession.id);

  const last = () => live.results.at(-1)?.data.subscriptionStatusChanged;
  await eventually(last, (status) => status?.status === "ACTIVE" && status.grantsAccess);
  // never shown as paid for but closed
  expect(
    live.results.some(
      ({ data }) =>
        data.subscriptionStatusChanged?.status === "ACTIVE" && !data.subscriptionStatusChanged.grantsAccess,
    ),
  ).toBe(false);

  expect((await service.ask(STATUS, {}, token)).data.subscriptionStatus).toMatchObject({
    status: "ACTIVE",
    grantsAccess: true,
    plan: { name: "Premium" },
  });
  const { data: access } = await service.ask(
    `{ userAccess { scope source isActive resourceId } }`,
    {},
    token,
  );
  expect(access.userAccess).toEqual([
    { scope: "PLATFORM", source: "SUBSCRIPTION", isActive: true, resourceId: null },
  ]);
  expect((await service.ask(COURSE_ACCESS, {}, token)).data.accessTo).toMatchObject({
    granted: true,
    source: "SUBSCRIPTION",
  });

  await eventually(
    () => countsOf(channels.messages, userId),
    (counts) => counts["payment.succeeded"] === 1,
  );
  await settled();
  expect(countsOf(channels.messages, userId)).toMatchObject({
    "subscription.created": 1,
    "payment.succeeded": 1,
  });
  for (const { channel, event } of channels.messages)
    expect(event).toMatchObject({ specversion: "1.0", source: "/payment-service", type: channel });
  channels.close();
});

test("the return page confirms a payment without any webhook", async () => {
  const alone = await startService({ webhooks: false });
  try {
    const token = await alone.token(newUser());
    const { data } = await openCheckout(alone, token);
    const id = data.createCheckoutSession.id;
    expect((await alone.ask(CONFIRM, { id }, token)).data.confirmCheckout).toEqual({
      isPaid: false,
      subscription: null,
    });
    await alone.pay(id);
    expect((await alone.ask(CONFIRM, { id }, token)).data.confirmCheckout).toMatchObject({
      isPaid: true,
      subscription: { status: "ACTIVE", grantsAccess: true, plan: { name: "Premium" } },
    });
    expect((await alone.ask(COURSE_ACCESS, {}, token)).data.accessTo.granted).toBe(true);
    const { data: paid } = await alone.ask(
      `{ payments { totalCount nodes { amount { amount currency } status methodLabel subscription { status }
         invoice { status total { amount } lines { amount { amount } } } } } }`,
      {},
      token,
    );
    expect(paid.payments).toEqual({
      totalCount: 1,
      nodes: [
        {
          amount: { amount: 3_900, currency: "USD" },
          status: "SUCCEEDED",
          methodLabel: "visa •••• 4242",
          subscription: { status: "ACTIVE" },
          invoice: { status: "PAID", total: { amount: 3_900 }, lines: [{ amount: { amount: 3_900 } }] },
        },
      ],
    });
  } finally {
    await alone.stop();
  }
});

test("another user's session and a forged one are not there to confirm", async () => {
  const token = await service.token(newUser());
  const { data } = await openCheckout(service, token);
  const stranger = await service.token(newUser());
  const admin = await service.token(newUser(), "admin");
  for (const [id, bearer] of [
    [data.createCheckoutSession.id, stranger],
    [data.createCheckoutSession.id, admin],
    ["cs_test_forged", token],
  ])
    expect((await service.ask(CONFIRM, { id }, bearer)).errors?.[0]?.extensions.code).toBe("NOT_FOUND");
});

test("a declined card opens nothing, and the same page can be paid with a good one", async () => {
  const userId = newUser();
  const token = await service.token(userId);
  const { data } = await openCheckout(service, token);
  const id = data.createCheckoutSession.id;
  expect((await service.pay(id, "pm_card_visa_chargeDeclined")).status).toBe(402);
  const failed = await eventually(
    () => service.ask("{ payments { nodes { status failureCode failureMessage } } }", {}, token),
    ({ data }) => data.payments.nodes[0]?.status === "FAILED",
  );
  expect(failed.data.payments.nodes[0]).toMatchObject({
    failureCode: "generic_decline",
    failureMessage: "Your bank declined the payment. Pay with another card, or ask your bank.",
  });
  expect((await service.ask(STATUS, {}, token)).data.subscriptionStatus).toBeNull();
  expect((await service.ask(COURSE_ACCESS, {}, token)).data.accessTo.granted).toBe(false);

  expect((await service.pay(id)).status).toBe(200);
  await eventually(
    () => service.ask(STATUS, {}, token),
    ({ data }) => data.subscriptionStatus?.status === "ACTIVE" && data.subscriptionStatus.grantsAccess,
  );
});

test("plan(id) finds a plan, and answers null for what is none", async () => {
  const id = await planId(service);
  expect((await service.ask("query ($id: ID!) { plan(id: $id) { name } }", { id })).data.plan).toEqual({
    name: "Premium",
  });
  expect((await service.ask('{ plan(id: "nothing") { name } }')).data.plan).toBeNull();
});

function countsOf(
  messages: { channel: string; event: { subject: string } }[],
  userId: string,
): Record<string, number> {
  const own = messages.filter(({ event }) => event.subject === userId);
  return Object.fromEntries(
    [...new Set(own.map(({ channel }) => channel))].map((channel) => [
      channel,
      own.filter((message) => message.channel === channel).length,
    ]),
  );
}

/** Until every event that was received is done and every event to send is sent. */
async function settled(): Promise<void> {
  const { em } = service.app.parts.orm;
  await eventually(
    async () => {
      const [row] = await em.fork().execute<{ open: string }[]>(
        `select (select count(*) from stripe_events where status = 'pending') +
                (select count(*) from outbox where sent_at is null) as open`,
      );
      return Number(row?.open);
    },
    (open) => open === 0,
  );
}

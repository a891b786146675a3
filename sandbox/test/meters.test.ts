import type Stripe from "stripe";
import { DAY_SECONDS } from "../clock.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";

let box: TestSandbox;
let customer: string;
beforeEach(async () => {
  box = await testSandbox();
  customer = (await box.stripe.customers.create({ name: "Ada" })).id;
});
afterEach(() => box.close());

const now = () => Math.floor(box.sandbox.now().getTime() / 1000);
const today = () => Math.floor(now() / DAY_SECONDS) * DAY_SECONDS;

const meterOf = (formula: "count" | "last" | "sum", extra: Partial<Stripe.Billing.MeterCreateParams> = {}) =>
  box.stripe.billing.meters.create({
    display_name: "Tokens",
    event_name: "tokens",
    default_aggregation: { formula },
    ...extra,
  });

const use = (value: string, extra: Partial<Stripe.Billing.MeterEventCreateParams> = {}) =>
  box.stripe.billing.meterEvents.create({
    event_name: "tokens",
    payload: { stripe_customer_id: customer, value },
    ...extra,
  });

const used = async (
  meter: string,
  start_time = today() - 40 * DAY_SECONDS,
  end_time = today() + 2 * DAY_SECONDS,
) => {
  const { data } = await box.stripe.billing.meters.listEventSummaries(meter, {
    customer,
    start_time,
    end_time,
  });
  return data.map(({ aggregated_value }) => aggregated_value);
};

test.each([
  ["sum", 12],
  ["count", 3],
  ["last", 4],
] as const)(
  "the formula %s makes %i of 5, 4 and 3, whatever order they arrive in",
  async (formula, value) => {
    const { id } = await meterOf(formula);
    await use("3", { timestamp: now() - 60 });
    await use("4", { timestamp: now() - 10 });
    await use("5", { timestamp: now() - 90 });
    expect(await used(id)).toEqual([value]);
  },
);

test("a meter reads customer and value where it is told to", async () => {
  const { id } = await meterOf("sum", {
    customer_mapping: { type: "by_id", event_payload_key: "who" },
    value_settings: { event_payload_key: "amount" },
  });
  await use("", { payload: { who: customer, amount: "-2" } });
  await use("", { payload: { who: customer, amount: "9", value: "100" } });
  expect(await used(id)).toEqual([7]);
});

test.each([
  ["a name that no meter has", { event_name: "nothing" }, "event_name", "No active meter found"],
  [
    "a customer that is none",
    { payload: { stripe_customer_id: "cus_none", value: "1" } },
    "payload[stripe_customer_id]",
    "No such customer",
  ],
  ["no customer", { payload: { value: "1" } }, "payload[stripe_customer_id]", "missing"],
  ["no value", { payload: { stripe_customer_id: "CUSTOMER" } }, "payload[value]", "missing"],
  [
    "a value that is no whole number",
    { payload: { stripe_customer_id: "CUSTOMER", value: "1.5" } },
    "payload[value]",
    "whole number",
  ],
  ["more than 35 days ago", { timestamp: -35 * DAY_SECONDS - 60 }, "timestamp", "35"],
  ["more than 5 minutes ahead", { timestamp: 5 * 60 + 60 }, "timestamp", "5 minutes"],
])("usage with %s is refused, and counts for nothing", async (_what, params, param, message) => {
  const { id } = await meterOf("sum");
  const { payload, timestamp, ...rest } = params as { payload?: Record<string, string>; timestamp?: number };
  const own = payload && { payload: { ...payload } };
  if (own?.payload.stripe_customer_id === "CUSTOMER") own.payload.stripe_customer_id = customer;
  const failed = use("1", { ...rest, ...own, ...(timestamp && { timestamp: now() + timestamp }) });
  await expect(failed).rejects.toMatchObject({ statusCode: 400, param });
  await expect(failed).rejects.toThrow(message);
  expect(await used(id)).toEqual([0]);
});

test("an identifier counts once a day, and again later", async () => {
  const { id } = await meterOf("sum");
  const event = await use("5", { identifier: "once" });
  expect(event).toMatchObject({ object: "billing.meter_event", identifier: "once", event_name: "tokens" });
  await expect(use("5", { identifier: "once" })).rejects.toThrow(
    "An event already exists with identifier once.",
  );
  expect(await used(id)).toEqual([5]);
  await box.advance({ hours: 24 });
  await use("5", { identifier: "once" });
  expect(await used(id)).toEqual([10]);
});

test("an adjustment takes one event back, within a day of its arrival", async () => {
  const { id } = await meterOf("sum");
  const cancel = (identifier: string) =>
    box.stripe.billing.meterEventAdjustments.create({
      event_name: "tokens",
      type: "cancel",
      cancel: { identifier },
    });
  await use("5", { identifier: "wrong" });
  await use("7", { identifier: "right" });
  expect(await cancel("wrong")).toMatchObject({ status: "complete", cancel: { identifier: "wrong" } });
  expect(await used(id)).toEqual([7]);
  await expect(cancel("wrong")).rejects.toThrow("already canceled");
  await expect(cancel("never")).rejects.toMatchObject({ code: "resource_missing" });
  await expect(
    box.stripe.billing.meterEventAdjustments.create({ event_name: "tokens", type: "cancel" }),
  ).rejects.toMatchObject({ code: "parameter_missing", param: "cancel[identifier]" });
  await box.advance({ hours: 25 });
  await expect(cancel("right")).rejects.toThrow("within 24 hours");
  expect(await used(id)).toEqual([7]);
});

test("summaries count from their start up to, not at, their end, by window the latest first", async () => {
  const { id } = await meterOf("sum");
  const start = today() - 3 * DAY_SECONDS;
  await use("1", { timestamp: start });
  await use("2", { timestamp: start + DAY_SECONDS - 1 });
  await use("4", { timestamp: start + DAY_SECONDS });
  await use("8", { timestamp: start + 2 * DAY_SECONDS });
  expect(await used(id, start, start + DAY_SECONDS)).toEqual([3]);
  expect(await used(id, start + DAY_SECONDS, start + 2 * DAY_SECONDS)).toEqual([4]);
  const asked = { customer, start_time: start, end_time: start + 2 * DAY_SECONDS } as const;
  const windows = await box.stripe.billing.meters
    .listEventSummaries(id, { ...asked, value_grouping_window: "day", limit: 1 })
    .autoPagingToArray({ limit: 10 });
  expect(windows.map((window) => [window.start_time - start, window.aggregated_value])).toEqual([
    [DAY_SECONDS, 4],
    [0, 3],
  ]);
});

test.each([
  ["off the minute", 30, undefined, "start_time"],
  ["off the hour when grouped by hours", 60, "hour", "start_time"],
  ["off the day when grouped by days", 3600, "day", "start_time"],
] as const)("summaries %s are refused", async (_what, off, value_grouping_window, param) => {
  const { id } = await meterOf("sum");
  const start_time = today() - DAY_SECONDS + off;
  const asked = { customer, start_time, end_time: today() + DAY_SECONDS };
  await expect(
    box.stripe.billing.meters.listEventSummaries(id, {
      ...asked,
      ...(value_grouping_window && { value_grouping_window }),
    }),
  ).rejects.toMatchObject({ param });
});

test("summaries that end before they start, or of nobody, are refused", async () => {
  const { id } = await meterOf("sum");
  const summaries = box.stripe.billing.meters;
  await expect(
    summaries.listEventSummaries(id, { customer, start_time: 120, end_time: 60 }),
  ).rejects.toMatchObject({ param: "end_time" });
  await expect(
    summaries.listEventSummaries(id, { customer: "cus_none", start_time: 60, end_time: 120 }),
  ).rejects.toMatchObject({ code: "resource_missing", param: "customer" });
});

test("a customer of a test clock uses things in that clock's time", async () => {
  const { id } = await meterOf("sum");
  const frozen_time = now() - 400 * DAY_SECONDS;
  const clock = await box.stripe.testHelpers.testClocks.create({ frozen_time });
  customer = (await box.stripe.customers.create({ test_clock: clock.id })).id;
  expect(await use("3")).toMatchObject({ timestamp: frozen_time });
  await expect(use("3", { timestamp: now() })).rejects.toMatchObject({ param: "timestamp" });
  const start = Math.floor(frozen_time / DAY_SECONDS) * DAY_SECONDS;
  expect(await used(id, start, start + DAY_SECONDS)).toEqual([3]);
});

test("a deactivated meter takes no events until it is reactivated, and tells of both", async () => {
  const { id } = await meterOf("sum");
  const off = await box.stripe.billing.meters.deactivate(id);
  expect(off).toMatchObject({
    status: "inactive",
    status_transitions: { deactivated_at: expect.any(Number) },
  });
  await expect(use("1")).rejects.toThrow("No active meter found");
  await expect(box.stripe.billing.meters.deactivate(id)).rejects.toMatchObject({ statusCode: 400 });
  expect((await box.stripe.billing.meters.list({ status: "inactive" })).data).toHaveLength(1);
  const on = await box.stripe.billing.meters.reactivate(id);
  expect(on).toMatchObject({ status: "active", status_transitions: { deactivated_at: null } });
  await box.stripe.billing.meters.update(id, { display_name: "Renamed" });
  const told = (await box.events()).filter(({ type }) => type.startsWith("billing.meter"));
  expect(told.map(({ type }) => type)).toEqual([
    "billing.meter.created",
    "billing.meter.deactivated",
    "billing.meter.reactivated",
    "billing.meter.updated",
  ]);
  expect(told.map(({ data }) => "previous_attributes" in data)).toEqual([false, false, false, true]);
  expect(told.at(-1)!.data.previous_attributes).toMatchObject({ display_name: "Tokens" });
});

test("one name has one active meter", async () => {
  const { id } = await meterOf("sum");
  await expect(meterOf("count")).rejects.toMatchObject({ param: "event_name" });
  await box.stripe.billing.meters.deactivate(id);
  await meterOf("count");
  await expect(box.stripe.billing.meters.reactivate(id)).rejects.toMatchObject({ param: "event_name" });
});

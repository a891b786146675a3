import type { TestSandbox } from "../support/sandbox.ts";

/** Meters, what they measure, and what is taken back. */
export async function meters({ stripe }: TestSandbox): Promise<void> {
  const { billing } = stripe;
  const meter = await billing.meters.create({
    display_name: "Tokens",
    event_name: "tour_tokens",
    default_aggregation: { formula: "sum" },
    customer_mapping: { type: "by_id", event_payload_key: "who" },
    value_settings: { event_payload_key: "tokens" },
  });
  await billing.meters.update(meter.id, { display_name: "Tokens used" });
  await billing.meters.retrieve(meter.id);
  await billing.meters.list({ status: "active" });
  const { id } = await stripe.customers.create({ name: "Uses" });
  for (const identifier of ["tour-1", "tour-2"]) {
    await billing.meterEvents.create({
      event_name: "tour_tokens",
      identifier,
      payload: { who: id, tokens: "25" },
    });
  }
  await billing.meterEventAdjustments.create({
    event_name: "tour_tokens",
    type: "cancel",
    cancel: { identifier: "tour-2" },
  });
  const hour = Math.floor(Date.now() / 3_600_000) * 3600;
  await billing.meters.listEventSummaries(meter.id, {
    customer: id,
    start_time: hour - 3600,
    end_time: hour + 7200,
    value_grouping_window: "hour",
  });
  await billing.meters.deactivate(meter.id);
  await billing.meters.reactivate(meter.id);
}

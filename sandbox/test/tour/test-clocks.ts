import type { TestSandbox } from "../support/sandbox.ts";

/** A test clock's life. */
export async function testClocks({ stripe }: TestSandbox): Promise<void> {
  const { testClocks } = stripe.testHelpers;
  const clock = await testClocks.create({ frozen_time: 1_767_225_600, name: "tour" });
  await stripe.customers.create({ test_clock: clock.id, expand: ["test_clock"] });
  await testClocks.advance(clock.id, { frozen_time: clock.frozen_time + 60 });
  while ((await testClocks.retrieve(clock.id)).status !== "ready");
  await testClocks.list({ limit: 1 });
  await testClocks.del(clock.id);
}

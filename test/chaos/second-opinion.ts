import { knownLearners, type StripeState } from "./stripe-state.ts";
import type { World } from "./world.ts";

/** What the service's own comparison with Stripe finds: it looks by other means, and has to come to the same. */
export async function driftFaults(world: World, state: StripeState): Promise<string[]> {
  const faults = await Promise.all(knownLearners(world, state).map(({ id }) => driftOf(world, id)));
  return faults.flat();
}

async function driftOf(world: World, userId: string): Promise<string[]> {
  const request = { askedBy: "service:chaos", repair: false, settleMs: 0, userId };
  const parts = await world.host.parts();
  const report = await parts?.reconciliation.reconcile(request);
  if (!report || report.failedUsers > 0) return [`${userId} could not be reconciled`];
  return report.drift
    .filter(({ count }) => count > 0)
    .map(
      ({ table, kind, state, count }) => `reconciliation: ${count} ${table} ${kind}, ${state}, of ${userId}`,
    );
}

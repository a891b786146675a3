// Loaded before the service where it is a process of its own: it dies at the point that its parent names.
import Stripe from "stripe";
import { armCrashPoints, type CrashPoint } from "../../src/crash-points.ts";
import { retryAtOnce } from "./retry-at-once.ts";

/** Die at a point when it is passed for the n-th time; null: nowhere. */
export type Fate = { point: CrashPoint; times: number } | null;

retryAtOnce(Stripe);
process.on("message", ({ fate }: { fate: Fate }) => {
  if (!fate) return armCrashPoints();
  let left = fate.times;
  armCrashPoints((point) => {
    if (point === fate.point && --left === 0) process.kill(process.pid, "SIGKILL");
  });
});
process.once("disconnect", () => process.exit(1));
process.channel?.unref();

import { createRequire } from "node:module";

// as CommonJS, which is what its types describe
const { default: TestSequencer } = createRequire(import.meta.url)(
  "@jest/test-sequencer",
) as typeof import("@jest/test-sequencer");

type Tests = Parameters<InstanceType<typeof TestSequencer>["sort"]>[0];

/**
 * Files that take long, in the order in which they begin. A clean checkout knows no durations, and Jest then goes by
 * the files' sizes: the histories, a small file of a minute and a half, came last and ran alone.
 */
const FIRST = [
  // many processes that wait for leases of dead ones
  "scenarios/crash-points",
  "scenarios/repairs",
  "scenarios/crash",
  "scenarios/rolling",
  "scenarios/refunds",
  "scenarios/catching-up",
  "scenarios/reconciliation",
  "scenarios/default-card",
  "scenarios/keys",
  // three processes that wait for nothing: not beside the crash points
  "scenarios/histories",
  "scripts/webhooks-replay",
  "scenarios/access-cache",
  "supergraph/supergraph",
  "scenarios/flood",
  "scenarios/create-subscription",
  "scenarios/cancelling",
  "scenarios/intents",
  "scenarios/anonymizing",
  "scenarios/anonymizing-ends",
  "scenarios/anonymizing-under-way",
  "scenarios/user-data",
  "scenarios/setup-database",
  "scenarios/database-outage",
  "scenarios/adding-cards",
  "authorisation/matrix",
  "container/image",
  "dev/dev",
  "scenarios/live-transports",
  "dev/postgres",
  "dev/explorer",
  "dev/postgres-accounts",
  "unit/inbox",
  "unit/deadline",
  "scenarios/fuzz",
  "scenarios/object-sweep",
  "scenarios/plan-changes",
  "scenarios/redis-outages",
  "scenarios/recorded-elsewhere",
  "scenarios/job-scope",
];

/** Starts what takes long first, so that no worker is left with it at the end; the rest as Jest would. */
export default class LongestFirst extends TestSequencer {
  override async sort(tests: Tests): Promise<Tests> {
    const usual = await super.sort(tests);
    return [...usual].sort((a, b) => placeOf(a.path) - placeOf(b.path));
  }
}

function placeOf(path: string): number {
  const at = FIRST.findIndex((name) => path.endsWith(`/test/${name}.test.ts`) && !path.includes("/sandbox/"));
  return at === -1 ? FIRST.length : at;
}

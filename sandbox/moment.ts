import type { Kind, Kinds } from "./kinds.ts";
import type { PathParams } from "./router.ts";
import type { Store } from "./store.ts";

/** How an object that may live on a test clock says so. */
interface MaybeClocked {
  test_clock?: string | null;
  customer?: string | null;
  charge?: string | null;
  invoice?: string | null;
  source?: unknown;
}

/**
 * The test clock that an object lives on: its own, its customer's (also when they are deleted), its charge's or invoice's, or that of what it
 * comes from (a balance transaction); null for the sandbox's time.
 */
export function testClockOf(store: Pick<Store, "get">, row: object): string | null {
  const { test_clock, customer, charge, invoice, source } = row as MaybeClocked;
  if (test_clock !== undefined) return test_clock;
  if (customer)
    return (store.get("customer", customer) ?? store.get("former_customer", customer))?.test_clock ?? null;
  if (charge) {
    const found = store.get("charge", charge);
    return found ? testClockOf(store, found) : null;
  }
  if (invoice) return store.get("invoice", invoice)?.test_clock ?? null;
  const origin = typeof source === "string" ? objectOf(store, source) : undefined;
  return origin ? testClockOf(store, origin) : null;
}

/** The kinds that may live on a test clock, by the beginning of their ids. */
const KINDS: Record<string, Kind> = {
  cn: "credit_note",
  ch: "charge",
  cs: "checkout.session",
  cus: "customer",
  du: "dispute",
  ii: "invoiceitem",
  in: "invoice",
  pi: "payment_intent",
  pm: "payment_method",
  re: "refund",
  seti: "setup_intent",
  si: "subscription_item",
  sub: "subscription",
  sub_sched: "subscription_schedule",
  txi: "tax_id",
};

/** The object of an id, when it is of such a kind. */
function objectOf(store: Pick<Store, "get">, id: string): Kinds[Kind] | undefined {
  const kind = KINDS[id.slice(0, id.lastIndexOf("_"))] ?? KINDS[id.split("_")[0] ?? ""];
  return kind && (store.get(kind, id) as Kinds[Kind] | undefined);
}

/** Parameters that say whose time an operation happens in. */
const NAMES = ["customer", "subscription", "invoice", "payment_intent", "charge", "from_subscription"];

/**
 * The moment at which a request happens, in seconds, when what it is about lives on a test clock;
 * null when it happens in the sandbox's own time.
 */
export function momentOf(store: Store, path: PathParams, params: object): number | null {
  const named = params as Record<string, unknown>;
  if (typeof named.test_clock === "string") return frozenTime(store, named.test_clock);
  for (const id of [...Object.values(path), ...NAMES.map((name) => named[name])]) {
    if (typeof id !== "string") continue;
    const row = objectOf(store, id);
    // What lives on no clock may be brought to one: a method to the customer it is attached to.
    const moment = row ? frozenTime(store, testClockOf(store, row)) : null;
    if (moment !== null) return moment;
  }
  return null;
}

function frozenTime(store: Store, clock: string | null): number | null {
  return clock ? (store.get("test_helpers.test_clock", clock)?.frozen_time ?? null) : null;
}

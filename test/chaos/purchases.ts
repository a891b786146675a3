import { idOf, type StripeState } from "./stripe-state.ts";
import type { World } from "./world.ts";

/** One purchase as Stripe alone tells of it. */
interface Bought {
  purchaseId: string;
  /** Whose, and what. */
  thing: string;
  opens: boolean;
  /** Whether a bank has the money for now. */
  isDisputed: boolean;
  /** Whether somebody could still pay it. */
  isPayable: boolean;
  refundFailed: boolean;
}

/** What asks for the money of one purchase. */
interface Asked {
  thing: string;
  intents: Set<string>;
  isPayable: boolean;
  /** Stripe took it from a balance of the customer's: nothing else pays its invoice. */
  isPaidByBalance: boolean;
}

const isOver = (status: string | null) => status === "failed" || status === "canceled";
const isTaken = (status: string) =>
  status !== "won" && status !== "prevented" && !status.startsWith("warning_");

/** Every purchase that something at Stripe asks the money for. */
function purchasesOf(state: StripeState): Bought[] {
  const made = new Map<string, Asked>();
  const note = (metadata: Record<string, string> | null | undefined, customer: unknown) => {
    const id = metadata?.cmh_purchase_id;
    if (!id) return undefined;
    const thing = [
      state.ownerOf(customer as string),
      metadata?.cmh_resource_type,
      metadata?.cmh_resource_id,
    ].join(" ");
    const known = made.get(id) ?? { thing, intents: new Set(), isPayable: false, isPaidByBalance: false };
    made.set(id, known);
    return known;
  };
  for (const { metadata, customer, status } of state.sessions) {
    const found = note(metadata, customer);
    if (found && status === "open") found.isPayable = true;
  }
  for (const { id, metadata, customer, status } of state.intents) {
    const found = note(metadata, customer);
    found?.intents.add(id);
    if (found && status === "processing") found.isPayable = true;
  }
  for (const { invoice, payments } of state.invoices) {
    const found = note(invoice.metadata, invoice.customer);
    if (found && (invoice.status === "open" || invoice.status === "draft")) found.isPayable = true;
    const standing = payments.filter((link) => link.status !== "canceled");
    if (found && invoice.status === "paid" && invoice.total > 0 && standing.length === 0)
      found.isPaidByBalance = true;
    for (const { payment } of payments) found?.intents.add(idOf(payment.payment_intent) ?? "");
  }
  return [...made].map(([purchaseId, { thing, intents, isPayable, isPaidByBalance }]) => {
    const standing = standingOf(state, intents);
    return { purchaseId, thing, isPayable, ...standing, opens: standing.opens || isPaidByBalance };
  });
}

function standingOf({ intents, charges, refunds, disputes }: StripeState, own: Set<string>) {
  const paid = intents.find(({ id, status }) => own.has(id) && status === "succeeded");
  const tried = charges.filter(({ payment_intent }) => paid && idOf(payment_intent) === paid.id);
  const isOfIt = ({ charge }: { charge: string | { id: string } | null }) =>
    tried.some(({ id }) => id === idOf(charge));
  const back = refunds.filter(isOfIt).reverse();
  const taken = disputes.filter((one) => isOfIt(one) && isTaken(one.status));
  let opens = paid !== undefined;
  let sum = 0;
  for (const { amount, metadata } of back.filter(({ status }) => !isOver(status))) {
    sum += amount;
    if (metadata?.cmh_refunded_access) opens = metadata.cmh_refunded_access === "KEEP";
    else if (sum >= (paid?.amount_received ?? 0)) opens = false;
  }
  return {
    opens: opens && taken.length === 0,
    isDisputed: taken.some(({ status }) => status !== "lost"),
    refundFailed: back.some(({ status }) => isOver(status)),
  };
}

/** Where what was bought is not open, is open and was not bought, was paid twice, or can be paid and is over. */
export async function purchaseFaults(world: World, state: StripeState): Promise<string[]> {
  const users = [world.learners.map(({ id }) => id)];
  const bought = purchasesOf(state);
  const rows = await world.rows<{ id: string; status: string; amount_minor: string; withdrawn: boolean }>(
    "select id, status, amount_minor, withdrawn_at is not null as withdrawn from purchases where user_id = any($1)",
    users,
  );
  // what was theirs already when its money came opens nothing, whatever becomes of its refund
  const inVain = new Set(rows.filter(({ withdrawn }) => withdrawn).map(({ id }) => id));
  const grants = await world.rows<{ thing: string; source_id: string }>(
    `select concat_ws(' ', user_id, scope, resource_id) as thing, source_id from user_access
      where user_id = any($1) and source = 'PURCHASE' and revoked_at is null`,
    users,
  );
  const slots = await world.rows<{ thing: string; purchase_id: string }>(
    "select concat_ws(' ', user_id, resource_type, resource_id) as thing, purchase_id from purchase_slots where user_id = any($1)",
    users,
  );
  const free = new Set(rows.filter(({ amount_minor }) => Number(amount_minor) === 0).map(({ id }) => id));
  const given = new Set(grants.filter(({ source_id }) => !free.has(source_id)).map(({ thing }) => thing));
  const faults: string[] = [];
  for (const thing of new Set([...bought.map((one) => one.thing), ...given])) {
    const open = bought.filter((one) => one.thing === thing && one.opens && !inVain.has(one.purchaseId));
    if (open.length > 0 !== given.has(thing))
      faults.push(`${thing}: ${open.length} purchases open it, granted: ${given.has(thing)}`);
    if (open.length > 1 && !open.some(({ refundFailed }) => refundFailed))
      faults.push(`${thing} was paid ${open.length} times`);
  }
  for (const { purchaseId, thing, isPayable } of bought) {
    const status = rows.find(({ id }) => id === purchaseId)?.status;
    if (isPayable && status !== "PENDING") faults.push(`${thing} is ${status}, and can still be paid`);
  }
  for (const { thing, purchase_id } of slots) {
    const one = bought.find(({ purchaseId }) => purchaseId === purchase_id);
    if (!free.has(purchase_id) && !(one?.opens || one?.isPayable || one?.isDisputed))
      faults.push(`${thing}: its slot is held by a purchase that came to nothing`);
  }
  return faults;
}

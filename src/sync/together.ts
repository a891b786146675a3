import type { EntityManager } from "@mikro-orm/postgresql";
import type Stripe from "stripe";
import { UserAnonymized } from "../errors.ts";
import { Gathering } from "../gathering.ts";
import { prepared } from "../prepared.ts";
import { ourUser, type RemoteCustomer } from "./customer.ts";
import { type RemoteInvoice, subscriptionOf } from "./invoice.ts";
import { lookAhead } from "./look-ahead.ts";
import type { RemotePayment } from "./payment.ts";
import type { Arrival, Journey, Read, Road } from "./road.ts";
import type { Aggregate, Asked } from "./sync.ts";
import { claimTickets } from "./tickets.ts";
import { idOf } from "./values.ts";
import type { Write } from "./write.ts";

/** An object that has been read, and what asked for it. */
export interface Loaded extends Asked, Read<unknown> {}
/** Those of one user, by their ids at Stripe. */
export type Burst = ReadonlyMap<string, Loaded>;

/**
 * Reads several objects at once and writes those of one user in one transaction, each by its own journey, in the order
 * in which they rest on each other. A payment tells of five objects in a dozen events: alone each would look up, and
 * lock, what the others write.
 */
export class Together {
  private readonly owners = new Gathering((all: string[][]) => this.ownersOf(all), {
    ...{ most: 64, underWay: 2 },
  });
  private readonly writes = new Gathering((all: Written[]) => this.writeAll(all), {
    ...{ most: USERS, underWay: 1 },
  });

  constructor(
    private readonly em: EntityManager,
    private readonly road: Road,
    private readonly journey: (aggregate: Aggregate, id: string) => Journey<unknown> | null,
    /** What one of them rests on and is not among them. */
    private readonly upstream: (one: Loaded, userId: string, burst: Burst) => Promise<void>,
  ) {}

  /** The arrivals, with what was read. What belongs to nobody known, or to somebody alone, is left out. */
  async travel(asked: readonly Asked[]): Promise<{ bursts: Burst[]; arrivals: Map<string, Arrival> }> {
    const loaded = await this.read(asked);
    const arrivals = new Map<string, Arrival>();
    const bursts: Burst[] = [];
    for (const [userId, objects] of await this.byUser(loaded)) {
      if (objects.length < 2) continue;
      const burst = new Map(objects.map((one) => [one.id, one]));
      for (const one of objects) await this.upstream(one, userId, burst);
      const claimed = await this.write({ userId, objects }).catch((error: unknown) => {
        if (error instanceof UserAnonymized) return null;
        throw error;
      });
      // severed since: each finds by itself under whom it goes on
      if (claimed === null) continue;
      for (const { id } of objects) arrivals.set(id, claimed.has(id) ? "applied" : "superseded");
      bursts.push(burst);
    }
    return { bursts, arrivals };
  }

  private async read(asked: readonly Asked[]): Promise<Loaded[]> {
    const going = asked.flatMap((one) => {
      const journey = this.journey(one.aggregate, one.id);
      return journey ? [{ one, journey }] : [];
    });
    const reads = await this.road.readAll(going.map(({ journey }) => journey));
    return reads.map((read, at) => ({ ...(going[at]?.one as Asked), ...read }));
  }

  /** The ids of those of which nothing later was written before. */
  private async write(written: Written): Promise<Claimed> {
    const { userId } = written;
    const alone = () =>
      this.road.follow(userId, null, (write) => writeInto(write.tx, [{ ...written, write }]));
    return (await this.writes.ask(written)) ?? alone();
  }

  /**
   * The bursts of several users in one transaction, which costs little more than one user's. Nobody in it waits for a
   * lock that somebody else holds: null for whoever has to, and for a second burst of the same user.
   */
  private async writeAll(all: readonly Written[]): Promise<(Claimed | null)[]> {
    const byUser = new Map(all.map((written) => [written.userId, written]));
    const claimed = await this.road.writeFree([...byUser.keys()], async (tx, writes) => {
      const free = [...writes].map(([userId, write]) => ({ ...(byUser.get(userId) as Written), write }));
      return { ids: await writeInto(tx, free), users: new Set(writes.keys()) };
    });
    return all.map((written) =>
      claimed.users.has(written.userId) && byUser.get(written.userId) === written ? claimed.ids : null,
    );
  }

  private async byUser(loaded: readonly Loaded[]): Promise<Map<string, Loaded[]>> {
    const there = loaded.filter(({ remote }) => remote !== null);
    const ids = there.flatMap((one) => [one.id, customerOf(one)]).filter((id) => id !== null);
    const known = await this.owners.ask(ids);
    const groups = new Map<string, Loaded[]>();
    for (const one of there) {
      const userId = ownerOf(one, there, known);
      if (userId) groups.set(userId, [...(groups.get(userId) ?? []), one]);
    }
    return groups;
  }

  /** The user of each id that our rows know; one answer for all who ask. */
  private async ownersOf(all: readonly string[][]): Promise<Map<string, string>[]> {
    const given = [JSON.stringify([...new Set(all.flat())])];
    const rows = await prepared<{ id: string; user_id: string }>(this.em, OWNERS, given);
    const known = new Map(rows.map((row) => [row.id, row.user_id]));
    return all.map(() => known);
  }
}

/** What was read of one user's objects, to be written. */
interface Written {
  userId: string;
  objects: readonly Loaded[];
}
type Claimed = ReadonlySet<string>;

/** Users whose bursts are written in one transaction at most. */
const USERS = 16;

/** Writes each user's objects by their own journeys, after one look at all that the tables have of them. */
async function writeInto(tx: EntityManager, all: readonly (Written & { write: Write })[]): Promise<Claimed> {
  const tickets = all.flatMap(({ objects }) => objects.map(({ ticket }) => ticket));
  const claimed = await claimTickets(tx, tickets);
  const userIds = all.map(({ userId }) => userId);
  await lookAhead(tx, userIds, [...claimed]);
  for (const { objects, write } of all)
    for (const { id, journey, remote, cause } of inOrder(objects))
      if (claimed.has(id)) await journey.write(remote, write.causedBy(cause));
  return claimed;
}

const OWNERS = `
  with asked as (select distinct jsonb_array_elements_text($1::jsonb) as id)
  select asked.id, user_id from asked join former_customers on stripe_customer_id = asked.id
  union all select asked.id, user_id from asked join customers on stripe_customer_id = asked.id
  union all select asked.id, user_id from asked join subscriptions on stripe_subscription_id = asked.id
  union all select asked.id, user_id from asked join invoices on stripe_invoice_id = asked.id
  union all select asked.id, user_id from asked join payments on stripe_payment_intent_id = asked.id
  union all select asked.id, user_id from asked join checkout_sessions session on session.id = asked.id`;

/** As on the road: its row says it, or its customer's row, or its customer at Stripe, when that is among them. */
function ownerOf(one: Loaded, loaded: readonly Loaded[], known: Map<string, string>): string | null {
  const atStripe = userAtStripe(one);
  if (atStripe !== undefined) return atStripe;
  const customer = customerOf(one) ?? "";
  const itself = loaded.find(({ aggregate, id }) => aggregate === "customer" && id === customer);
  return known.get(one.id) ?? known.get(customer) ?? (itself && userAtStripe(itself)) ?? null;
}

/** Who a customer is that Stripe has; undefined for whatever cannot say it. */
function userAtStripe({ aggregate, remote }: Loaded): string | null | undefined {
  if (aggregate !== "customer") return undefined;
  const { customer } = remote as RemoteCustomer;
  return customer.deleted ? undefined : ourUser(customer);
}

function customerOf({ aggregate, id, remote }: Loaded): string | null {
  switch (aggregate) {
    case "customer":
      return id;
    case "invoice":
      return idOf((remote as RemoteInvoice).invoice.customer);
    case "payment_intent":
      return idOf((remote as RemotePayment).intent.customer);
    default:
      return idOf((remote as Stripe.Subscription | Stripe.Checkout.Session).customer);
  }
}

/** The payments of an invoice, and the invoices of a payment: the ids of what is linked to it. */
export function linkedTo({ aggregate, remote }: Loaded): string[] {
  const ids =
    aggregate === "invoice"
      ? (remote as RemoteInvoice).payments.map(({ payment }) => idOf(payment.payment_intent))
      : (remote as RemotePayment).links.map(({ invoice }) => idOf(invoice));
  return ids.filter((id) => id !== null);
}

/** Whether an invoice is among them, with the subscription that it bills. */
export function holdsInvoice(burst: Burst, invoiceId: string): boolean {
  const found = burst.get(invoiceId)?.remote as RemoteInvoice | undefined;
  const subscription = found && subscriptionOf(found.invoice);
  return found !== undefined && (!subscription || burst.has(subscription));
}

/**
 * Customers, sessions, then what was paid, then subscriptions: first those that are gone or have ended, so that none of
 * them is still thought to hold the user's slot when a live one is written. Payments last, as on the road.
 */
export function inOrder<T extends { aggregate: Aggregate; remote: unknown }>(objects: readonly T[]): T[] {
  return [...objects].sort((left, right) => rank(left) - rank(right));
}

function rank({ aggregate, remote }: { aggregate: Aggregate; remote: unknown }): number {
  if (aggregate !== "subscription")
    return ["customer", "checkout_session", "invoice", "", "", "payment_intent"].indexOf(aggregate);
  const status = (remote as { status?: string } | null)?.status;
  return status === undefined || status === "canceled" || status === "incomplete_expired" ? 3 : 4;
}

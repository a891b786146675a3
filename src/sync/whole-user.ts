import { flush } from "../flush.ts";
import { forget } from "./gone.ts";
import { followPurchases } from "./purchase.ts";
import type { Read, Road } from "./road.ts";
import { type Difference, differences, type SnapshotIds, snapshot } from "./snapshot.ts";
import type { Sync, UserAggregate } from "./sync.ts";
import { claimTickets } from "./tickets.ts";
import { inOrder } from "./together.ts";
import type { Write } from "./write.ts";

/** An object as Stripe had it a moment ago; null when Stripe has none. */
export interface Reading extends Read<unknown> {
  aggregate: UserAggregate;
  id: string;
}

/** What writing a user's objects changes, or would change, and what is still under way for them. */
export interface Comparison {
  differences: Difference[];
  /** Objects that something read later was written of meanwhile, or that events wait for. */
  unsettled: Set<string>;
  /** Whether the outcome of a change at Stripe is still to be followed. */
  hasOpenIntent: boolean;
}

/** Carries what was found out of a transaction that is taken back. */
class TakenBack extends Error {
  constructor(readonly found: Comparison) {
    super("taken back");
  }
}

/**
 * All of a user's objects at once, each written by its own journey, in the order in which they rest on each other,
 * within one transaction: kept, or taken back to see what a sync would change (decision 0009).
 */
export class WholeUser {
  constructor(
    private readonly road: Road,
    private readonly sync: Sync,
  ) {}

  async read(aggregate: UserAggregate, id: string): Promise<Reading> {
    const journey = this.sync.journey(aggregate, id);
    return { aggregate, id, ...(await this.road.read(journey)) };
  }

  /** What syncs of these would change now. Nothing is kept, nothing is told. */
  async rehearse(userId: string, readings: readonly Reading[]): Promise<Comparison> {
    try {
      await this.road.follow(userId, null, async (write) => {
        throw new TakenBack(await this.writeAll(write, readings));
      });
      throw new Error("a rehearsal must not be kept");
    } catch (error) {
      if (error instanceof TakenBack) return error.found;
      throw error;
    }
  }

  /** Writes them, and hands what that changed to `note`, in the same transaction. */
  async apply(
    userId: string,
    readings: readonly Reading[],
    note: (write: Write, found: Comparison) => void,
  ): Promise<Comparison> {
    return this.road.follow(userId, null, async (write) => {
      const found = await this.writeAll(write, readings);
      note(write, found);
      return found;
    });
  }

  private async writeAll(write: Write, readings: readonly Reading[]): Promise<Comparison> {
    const { tx, userId } = write;
    const idsOf = (aggregate: UserAggregate) =>
      readings.filter((reading) => reading.aggregate === aggregate).map(({ id }) => id);
    const ids: SnapshotIds = {
      subscriptions: idsOf("subscription"),
      invoices: idsOf("invoice"),
      payments: idsOf("payment_intent"),
    };
    const before = await snapshot(tx, userId, ids);
    const unsettled = await waitedFor(write, readings);
    const isAsked = await hasOpenIntent(write);
    const claimed = await claimTickets(
      tx,
      readings.map(({ ticket }) => ticket),
    );
    for (const { aggregate, id, journey, remote } of inOrder(readings)) {
      if (!claimed.has(id)) unsettled.add(id);
      else if (remote === null) await forget(write, aggregate, id);
      else {
        await journey.write(remote, write);
        await journey.prune?.(remote, write);
      }
      await flush(tx);
    }
    await write.access.followUser(write);
    await followPurchases(write);
    await flush(tx);
    return {
      differences: differences(before, await snapshot(tx, userId, ids)),
      unsettled,
      hasOpenIntent: isAsked,
    };
  }
}

async function waitedFor({ tx }: Write, readings: readonly Reading[]): Promise<Set<string>> {
  const rows = await tx.execute<{ object_id: string }[]>(
    `select object_id from stripe_events
     where status = 'pending' and (aggregate, object_id) in
       (select aggregate, id from jsonb_to_recordset(?::jsonb) as looked (aggregate text, id text))`,
    [JSON.stringify(readings.map(({ aggregate, id }) => ({ aggregate, id })))],
  );
  return new Set(rows.map((row) => row.object_id));
}

async function hasOpenIntent({ tx, userId }: Write): Promise<boolean> {
  const rows = await tx.execute<unknown[]>(
    "select 1 from intents where user_id = ? and settled_at is null and state <> 'FAILED' limit 1",
    [userId],
  );
  return rows.length > 0;
}

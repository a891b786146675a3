import type { EntityManager } from "@mikro-orm/postgresql";

/**
 * Orders reads of one Stripe object without a transaction held open over the network: a ticket is taken
 * before the read, and what was read is written only if no later ticket has been applied meanwhile.
 */
export class Tickets {
  constructor(private readonly em: EntityManager) {}

  /** The next ticket of an object: later than every one given out before. */
  async next(objectId: string): Promise<number> {
    const [row] = await this.em.execute<{ issued: number }[]>(
      `insert into sync_tickets (object_id, issued) values (?, 1)
       on conflict (object_id) do update set issued = sync_tickets.issued + 1 returning issued`,
      [objectId],
    );
    return Number(row!.issued);
  }
}

/** Within the write transaction, under the user's lock: false when something read later is already written. */
export async function claimTicket(tx: EntityManager, objectId: string, ticket: number): Promise<boolean> {
  const rows = await tx.execute<unknown[]>(
    "update sync_tickets set applied = ? where object_id = ? and applied < ? returning 1",
    [ticket, objectId, ticket],
  );
  return rows.length > 0;
}

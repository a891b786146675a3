import type { EntityManager } from "@mikro-orm/postgresql";

/**
 * Orders reads of one Stripe object without a transaction held open over the network: a ticket is taken
 * before the read, and what was read is written only if no later ticket has been applied meanwhile.
 */
export class Tickets {
  constructor(private readonly em: EntityManager) {}

  /** The next ticket of an object: later than every one given out before. */
  async next(objectId: string): Promise<Ticket> {
    const [row] = await this.em.fork().execute<{ issued: string; read_at: string }[]>(
      `insert into sync_tickets (object_id, issued) values (?, 1)
       on conflict (object_id) do update set issued = sync_tickets.issued + 1, issued_at = now()
       returning issued, clock_timestamp() as read_at`,
      [objectId],
    );
    return { objectId, number: Number(row?.issued), readAt: row?.read_at as string };
  }
}

/** One read of an object: its place in the order of reads, and when it began on the database's clock. */
export interface Ticket {
  objectId: string;
  number: number;
  readAt: string;
}

/** Within the write transaction, under the user's lock: false when something read later is already written. */
export async function claimTicket(tx: EntityManager, { objectId, number, readAt }: Ticket): Promise<boolean> {
  const rows = await tx.execute<unknown[]>(
    "update sync_tickets set applied = ?, read_at = ? where object_id = ? and applied < ? returning 1",
    [number, readAt, objectId, number],
  );
  return rows.length > 0;
}

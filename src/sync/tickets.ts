import type { EntityManager } from "@mikro-orm/postgresql";
import { prepared } from "../prepared.ts";

/** One read of an object: its place in the order of reads, and when it began on the database's clock. */
export interface Ticket {
  objectId: string;
  number: number;
  readAt: string;
}

/**
 * Orders reads of one Stripe object without a transaction held open over the network: a ticket is taken
 * before the read, and what was read is written only if no later ticket has been applied meanwhile.
 */
export class Tickets {
  constructor(private readonly em: EntityManager) {}

  /** The next ticket of each object, in their order: later than every one given out before. */
  async next(objectIds: readonly string[]): Promise<Ticket[]> {
    const given = [JSON.stringify(objectIds)];
    const rows = await prepared<{ object_id: string; issued: string; read_at: string }>(this.em, NEXT, given);
    const tickets = new Map(rows.map((row) => [row.object_id, row]));
    return objectIds.map((objectId) => {
      const { issued, read_at } = tickets.get(objectId) as (typeof rows)[number];
      return { objectId, number: Number(issued), readAt: read_at };
    });
  }
}

/**
 * Within the write transaction, under the user's lock: the objects of which nothing that was read later is already
 * written. All that a transaction writes in one call, since the locks are taken in the order of ids.
 */
export async function claimTickets(tx: EntityManager, tickets: readonly Ticket[]): Promise<Set<string>> {
  const rows = await prepared<{ object_id: string }>(tx, CLAIM, [JSON.stringify(tickets)]);
  return new Set(rows.map((row) => row.object_id));
}

const NEXT = `
  insert into sync_tickets (object_id, issued)
  select id, 1 from (select distinct jsonb_array_elements_text($1::jsonb) as id) as asked order by id
  on conflict (object_id) do update set issued = sync_tickets.issued + 1, issued_at = now()
  returning object_id, issued, clock_timestamp() as read_at`;

const CLAIM = `
  with held as (
    select ticket.object_id, claim.number, claim."readAt"
      from jsonb_to_recordset($1::jsonb) as claim ("objectId" text, number bigint, "readAt" timestamptz)
      join sync_tickets ticket on ticket.object_id = claim."objectId"
     where ticket.applied < claim.number
     order by ticket.object_id for update of ticket)
  update sync_tickets ticket set applied = held.number, read_at = held."readAt"
    from held where ticket.object_id = held.object_id returning ticket.object_id`;

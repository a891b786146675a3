import type { EntityManager } from "@mikro-orm/postgresql";
import { Gathering } from "../gathering.ts";
import { prepared } from "../prepared.ts";

/** Askers who are answered by one statement at most. */
const TOGETHER = 64;

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
  private readonly issues = new Gathering((all: (readonly string[])[]) => this.issueAll(all), {
    ...{ most: TOGETHER, underWay: 2 },
  });

  constructor(private readonly em: EntityManager) {}

  /** The next ticket of each object, in their order: later than every one given out before, and nobody else's. */
  next(objectIds: readonly string[]): Promise<Ticket[]> {
    return this.issues.ask(objectIds);
  }

  private async issueAll(all: (readonly string[])[]): Promise<Ticket[][]> {
    const asked = all.map((objectIds) => [...new Set(objectIds)]);
    const rows = await prepared<Issued>(this.em, NEXT, [JSON.stringify(asked.flat())]);
    const last = new Map(rows.map((row) => [row.object_id, { number: Number(row.issued), row }]));
    // the last who asks has the latest
    for (const objectId of asked.flat()) (last.get(objectId) as { number: number }).number -= 1;
    return all.map((objectIds, at) => {
      const own = new Map(asked[at]?.map((objectId) => [objectId, nextOf(objectId, last.get(objectId))]));
      return objectIds.map((objectId) => own.get(objectId) as Ticket);
    });
  }
}

interface Issued {
  object_id: string;
  /** The last of those that were asked for. */
  issued: string;
  read_at: string;
}

function nextOf(objectId: string, last: { number: number; row: Issued } | undefined): Ticket {
  if (!last) throw new Error(`no ticket for ${objectId}`);
  last.number += 1;
  return { objectId, number: last.number, readAt: last.row.read_at };
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
  select id, count(*) from jsonb_array_elements_text($1::jsonb) as asked (id) group by id order by id
  on conflict (object_id) do update set issued = sync_tickets.issued + excluded.issued, issued_at = now()
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

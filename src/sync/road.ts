import type { EntityManager } from "@mikro-orm/postgresql";
import type { Clock } from "../clock.ts";
import { AuditEntry } from "../entities/audit-entry.ts";
import type { DomainEvent } from "../events/event-types.ts";
import { addToOutbox } from "../events/outbox.ts";
import type { AccessService } from "../services/access.service.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { lockUser } from "../user-lock.ts";
import type { Change } from "./mirror.ts";
import { claimTicket, Tickets } from "./tickets.ts";

/** The write transaction of one sync: the user's lock is held, and events leave with the commit. */
export interface Write {
  tx: EntityManager;
  userId: string;
  now: Date;
  access: AccessService;
  /** Puts an event into the outbox, after what was added before it. */
  emit(event: Omit<DomainEvent, "userId" | "occurredAt">): void;
  /** Notes in the audit log what a change did to a row; a change that did nothing leaves no trace. */
  audit<T extends object>(table: string, rowId: string, change: Change<T>): void;
}

/** What a sync reads from Stripe, whose it is, and how it becomes rows. */
export interface Journey<Remote> {
  objectId: string;
  read(): Promise<Remote | null>;
  /** The user it belongs to; null when its customer is not one of ours. */
  owner(remote: Remote): Promise<string | null>;
  write(remote: Remote, write: Write): Promise<void>;
}

/**
 * - `applied`: read and written; the rows say what Stripe says
 * - `superseded`: something read later is already written
 * - `foreign`: it belongs to another application on the same Stripe account
 * - `gone`: Stripe has no such object
 */
export type Arrival = "applied" | "superseded" | "foreign" | "gone";

/**
 * The one road by which a fact about money enters: ticket, read, then one write transaction under the user's
 * lock. Stripe is never called inside it. A read that was overtaken is dropped, not repeated: the ticket that
 * overtook it was taken later, so what it read is at least as new.
 */
export class Road {
  private readonly tickets: Tickets;

  constructor(
    private readonly em: EntityManager,
    private readonly clock: Clock,
    private readonly access: AccessService,
    readonly stripe: StripeGateway,
  ) {
    this.tickets = new Tickets(em);
  }

  async travel<Remote>(journey: Journey<Remote>, cause: string | null): Promise<Arrival> {
    const ticket = await this.tickets.next(journey.objectId);
    const remote = await journey.read();
    if (remote === null) return "gone";
    const userId = await journey.owner(remote);
    if (userId === null) return "foreign";
    return this.em.fork().transactional(async (tx) => {
      await lockUser(tx, userId);
      if (!(await claimTicket(tx, ticket))) return "superseded";
      const events: DomainEvent[] = [];
      await journey.write(remote, this.writing(tx, userId, events, cause));
      await tx.flush();
      await addToOutbox(tx, events);
      return "applied";
    });
  }

  private writing(tx: EntityManager, userId: string, events: DomainEvent[], cause: string | null): Write {
    const now = this.clock.now();
    return {
      tx,
      userId,
      now,
      access: this.access,
      emit: (event) => events.push({ ...event, userId, occurredAt: now }),
      audit: (tableName, rowId, { before, after }) => {
        if (after === null) return;
        tx.persist(
          Object.assign(new AuditEntry(), {
            at: now,
            actor: "stripe",
            action: before === null ? "created" : "changed",
            tableName,
            rowId,
            userId,
            before,
            after,
            causedBy: cause,
          }),
        );
      },
    };
  }
}

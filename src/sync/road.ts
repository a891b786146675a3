import type { EntityManager } from "@mikro-orm/postgresql";
import { type AuditFacts, audit, auditLines } from "../audit.ts";
import type { Clock } from "../clock.ts";
import { reached } from "../crash-points.ts";
import type { Subscription } from "../entities/subscription.ts";
import { UserAnonymized, UserHeld } from "../errors.ts";
import type { DomainEvent } from "../events/event-types.ts";
import { addToOutbox } from "../events/outbox.ts";
import { flush } from "../flush.ts";
import { Lanes } from "../lanes.ts";
import type { AccessService } from "../services/access.service.ts";
import type { Duplicates } from "../services/duplicates.ts";
import type { TrialClaims } from "../services/trial-claims.ts";
import { traced, traceparent } from "../tracing.ts";
import { lockFree, lockUser, lockUserToFollow } from "../user-lock.ts";
import { claimTickets, type Ticket, Tickets } from "./tickets.ts";
import type { Author, Write } from "./write.ts";

/** How many may wait for users' locks at once, each with a connection: most of the pool is for those who need not wait. */
const WAITING = 8;
/** Most hold a user for some milliseconds: where there is no room to wait, it is tried again after these. */
const PAUSES_MS = [10, 50, 200];

/** The owner of what belongs to no user: the catalogue. No user's id is empty. */
export const NOBODY = "";

/**
 * The user that an object belongs to: that of its row when there is one (its customer may be gone), else the user
 * behind its Stripe customer; null when that is not one of ours.
 */
export type OwnerOf = (
  stripeCustomerId: string | null,
  findRow: (em: EntityManager) => Promise<{ userId: string } | null>,
) => Promise<string | null>;

/** What a sync reads from Stripe, whose it is, and how it becomes rows. */
export interface Journey<Remote> {
  objectId: string;
  read(): Promise<Remote | null>;
  /** The user it belongs to; null when its customer is not one of ours. */
  owner(remote: Remote): Promise<string | null>;
  /** Brings what the object belongs to into our rows, before the object itself is written. */
  upstream?(remote: Remote, userId: string): Promise<void>;
  write(remote: Remote, write: Write): Promise<void>;
  /** Takes away rows that hang on the object and that Stripe does not have: no sync makes such rows. */
  prune?(remote: Remote, write: Write): Promise<void>;
  /** What becomes of an object that names a user who is nobody any more: under what it goes on, if at all, and how. */
  nobody?: {
    pseudonym(remote: Remote): Promise<string | null>;
    write(remote: Remote, write: Write): Promise<void>;
  };
}

/** A journey that has read: the place of that in the order of reads, and what Stripe said; null for nothing. */
export interface Read<Remote> {
  journey: Journey<Remote>;
  ticket: Ticket;
  remote: Remote | null;
}

/** How a journey ended, and what it read; null when there was nothing. */
export interface Trip<Remote> {
  arrival: Arrival;
  remote: Remote | null;
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
  private readonly waiting = new Lanes(() => WAITING);

  constructor(
    private readonly em: EntityManager,
    private readonly clock: Clock,
    private readonly access: AccessService,
    private readonly duplicates: Duplicates,
    private readonly trials: TrialClaims,
  ) {
    this.tickets = new Tickets(em);
  }

  async travel<Remote>(journey: Journey<Remote>, cause: string | null): Promise<Trip<Remote>> {
    const { ticket, remote } = await this.read(journey);
    if (remote === null) return { arrival: "gone", remote };
    const userId = await journey.owner(remote);
    if (userId === null) return { arrival: "foreign", remote };
    await journey.upstream?.(remote, userId);
    const writeAs = (owner: string) =>
      this.follow(owner, cause, async (write): Promise<Arrival> => {
        if ((await claimTickets(write.tx, [ticket])).size === 0) return "superseded";
        await journey.write(remote, write);
        return "applied";
      });
    const arrival = await writeAs(userId).catch(async (error: unknown) => {
      if (!(error instanceof UserAnonymized)) throw error;
      // severed since the owner was looked up: its row says under whom it goes on, and where there is none it is nobody's
      const now = await journey.owner(remote);
      if (now !== null && now !== userId) return writeAs(now);
      await this.followNobody(journey, remote, cause);
      return "foreign";
    });
    return { arrival, remote };
  }

  private async followNobody<Remote>(
    { nobody }: Journey<Remote>,
    remote: Remote,
    cause: string | null,
  ): Promise<void> {
    const pseudonym = await nobody?.pseudonym(remote);
    if (nobody && pseudonym) await this.follow(pseudonym, cause, (write) => nobody.write(remote, write));
  }

  async read<Remote>(journey: Journey<Remote>): Promise<Read<Remote>> {
    const [read] = await this.readAll([journey]);
    return read as Read<Remote>;
  }

  /** What Stripe says now of several objects, asked at once. */
  async readAll<Remote>(journeys: readonly Journey<Remote>[]): Promise<Read<Remote>[]> {
    const tickets = await this.tickets.next(journeys.map(({ objectId }) => objectId));
    reached("ticket-taken");
    const remotes = await Promise.all(journeys.map((journey) => journey.read()));
    reached("stripe-read");
    return journeys.map((journey, at) => ({
      journey,
      ticket: tickets[at] as Ticket,
      remote: remotes[at] as Remote | null,
    }));
  }

  /**
   * One write transaction under the user's lock, which takes the events along. What `work` throws undoes it all.
   * @throws UserAnonymized also while the user is being anonymised: it is for what somebody asks for
   */
  write<T>(userId: string, cause: string | null, work: (write: Write) => Promise<T>): Promise<T> {
    return this.locked(lockUser, userId, cause, work);
  }

  /** The same for what follows Stripe, or ends what is left: until the user is severed. */
  follow<T>(userId: string, cause: string | null, work: (write: Write) => Promise<T>): Promise<T> {
    return this.locked(lockUserToFollow, userId, cause, work);
  }

  /** One write transaction for those of several users whose locks nobody holds: a write for each of them. */
  writeFree<T>(
    userIds: readonly string[],
    work: (tx: EntityManager, writes: ReadonlyMap<string, Write>) => Promise<T>,
  ): Promise<T> {
    return this.transaction(async (tx, writeOf) => {
      const free = await lockFree(tx, userIds);
      return work(tx, new Map(free.map((userId) => [userId, writeOf(userId, null)])));
    });
  }

  /** Whose user nobody holds is written at once; the others wait for theirs, a few at a time. */
  private async locked<T>(
    lock: typeof lockUser,
    userId: string,
    cause: string | null,
    work: (write: Write) => Promise<T>,
  ): Promise<T> {
    const attempt = (waits: boolean) =>
      this.transaction(async (tx, writeOf) => {
        await lock(tx, userId, waits);
        return work(writeOf(userId, cause));
      });
    for (const pause of PAUSES_MS) {
      try {
        return await attempt(false);
      } catch (error) {
        if (!(error instanceof UserHeld)) throw error;
        if (this.waiting.hasRoom()) break;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
    return this.waiting.run(() => attempt(true));
  }

  private transaction<T>(work: Transaction<T>): Promise<T> {
    return traced("write rows", {}, () => this.transact(work));
  }

  private async transact<T>(work: Transaction<T>): Promise<T> {
    const after: (() => void)[] = [];
    let lowerFence = () => {};
    try {
      const done = await this.em.fork().transactional(async (tx) => {
        const events: DomainEvent[] = [];
        const notes: AuditFacts[] = [];
        const follows: Writing["follows"] = new Map();
        const result = await work(tx, (userId, cause) =>
          this.writing({ tx, userId, events, notes, follows, after }, cause),
        );
        await this.access.followSubscriptions(tx, follows);
        await flush(tx, auditLines(notes));
        await addToOutbox(tx, events);
        reached("rows-written");
        // the last before the commit: whoever kept the old answers must not give them after that
        const changed = events.filter(({ type }) => type === "access.changed").map(({ userId }) => userId);
        if (changed.length > 0) lowerFence = await this.access.cache.fence([...new Set(changed)]);
        reached("access-fenced");
        return result;
      });
      reached("rows-committed");
      for (const later of after) later();
      return done;
    } finally {
      lowerFence();
    }
  }

  private writing(gathered: Writing, cause: string | null, author: Author = STRIPE): Write {
    const { tx, userId, events, notes, follows, after } = gathered;
    const now = this.clock.now();
    const note = (facts: Omit<AuditFacts, "at">) =>
      notes.push({ at: now, userId: userId || null, causedBy: cause, ...facts });
    return {
      ...{ tx, userId, now, access: this.access, duplicates: this.duplicates, trials: this.trials },
      emit: (event) => events.push({ ...event, userId, occurredAt: now, ...inTrace(cause) }),
      audit: (tableName, rowId, { before, after }) => {
        if (after === null) return;
        const action = before === null ? "created" : "changed";
        note({ ...author, action, tableName, rowId, before, after });
      },
      auditGone: (tableName, rowId) => note({ actor: "stripe", action: "removed", tableName, rowId }),
      remark: (tableName, rowId, action, reason) => {
        note({ actor: "service:payment", action, tableName, rowId, reason });
        // what was decided is looked for before it is decided again
        writeNotes(tx, notes);
      },
      follow(subscription) {
        if (!follows.has(subscription)) follows.set(subscription, this);
      },
      afterCommit: (later) => void after.push(later),
      causedBy: (event) => this.writing(gathered, event, author),
      by: (someone) => this.writing(gathered, cause, someone),
    };
  }
}

function writeNotes(tx: EntityManager, notes: AuditFacts[]): void {
  for (const facts of notes.splice(0)) audit(tx, facts);
}

const STRIPE: Author = { actor: "stripe", reason: null };

type Transaction<T> = (
  tx: EntityManager,
  writeOf: (userId: string, cause: string | null) => Write,
) => Promise<T>;

function inTrace(cause: string | null): Pick<DomainEvent, "traceparent"> {
  const known = traceparent(cause);
  return known === undefined ? {} : { traceparent: known };
}

/** What a write transaction gathers. */
interface Writing {
  tx: EntityManager;
  userId: string;
  events: DomainEvent[];
  /** For the audit log; all at the end, in one statement. */
  notes: AuditFacts[];
  /** Whose grants are to be recomputed, and the write that asked for it first. */
  follows: Map<Subscription, Write>;
  after: (() => void)[];
}

import type { EntityManager } from "@mikro-orm/postgresql";
import type { Subscription } from "../entities/subscription.ts";
import type { DomainEvent } from "../events/event-types.ts";
import type { AccessService } from "../services/access.service.ts";
import type { Duplicates } from "../services/duplicates.ts";
import type { TrialClaims } from "../services/trial-claims.ts";
import type { Change } from "./mirror.ts";

/** The write transaction of one sync: the user's lock is held, and events leave with the commit. */
export interface Write {
  tx: EntityManager;
  userId: string;
  now: Date;
  access: AccessService;
  duplicates: Duplicates;
  trials: TrialClaims;
  /** Puts an event into the outbox, after what was added before it. */
  emit(event: Omit<DomainEvent, "userId" | "occurredAt">): void;
  /** Notes in the audit log what a change did to a row; a change that did nothing leaves no trace. */
  audit<T extends object>(table: string, rowId: string, change: Change<T>): void;
  /** Notes in the audit log that Stripe does not have what a row stood for any more. */
  auditGone(table: string, rowId: string): void;
  /** Notes in the audit log what the service decides by itself, and why. */
  remark(table: string, rowId: string, action: string, reason: string): void;
  /** Recomputes, once all is written, what a subscription grants: once, however many of its objects ask for it. */
  follow(subscription: Subscription): void;
  /** Runs work that only counts and tells, once all this is written. */
  afterCommit(work: () => void): void;
  /** The same write, with another event of Stripe's that asks for what is written. */
  causedBy(event: string | null): Write;
  /** The same write, by somebody who asked for it; else it is Stripe who tells. */
  by(author: Author): Write;
}

/** Who changes rows, and why they say they do. */
export interface Author {
  actor: string;
  reason: string | null;
}

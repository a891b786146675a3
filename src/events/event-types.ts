import { v5 } from "uuid";

/** Names of events as the platform's other services know them: Redis channels and CloudEvents types. */
export const EVENT_TYPES = [
  "subscription.created",
  "subscription.updated",
  "subscription.cancelled",
  "subscription.trial_ending",
  "payment.succeeded",
  "payment.failed",
  "payment.refunded",
  "payment.refund_failed",
  "payment.disputed",
  "payment.dispute_closed",
  "payment_method.expiring",
  "purchase.completed",
  "access.changed",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** An event about a user, before it has its place in the user's order. */
export interface DomainEvent {
  /** Derived from the fact: the same fact has the same id for ever. */
  id: string;
  type: EventType;
  userId: string;
  occurredAt: Date;
  /** Our own ids and plain values only; described by docs/events/<type>.json. */
  data: Record<string, unknown>;
  /** The trace of what told it, when traces are kept. */
  traceparent?: string;
}

const NAMESPACE = "5b0f2c1e-6d0a-5a53-9f0e-3a6cbe6c9a10";

/** The id of a fact: UUID v5 of the event's type and what makes the fact one. */
export function eventId(type: EventType, ...fact: (string | number)[]): string {
  return v5([type, ...fact].join(":"), NAMESPACE);
}

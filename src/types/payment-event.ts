import { Field, ID, ObjectType } from "type-graphql";
import type { EventType } from "../events/event-types.ts";
import { PaymentEventType } from "./enums.ts";
import { DateTime } from "./scalars.ts";

/** An event of the service as live subscribers see it; what it is about is read when it is asked for. */
@ObjectType()
export class PaymentEvent {
  @Field(() => ID)
  id!: string;

  @Field(() => PaymentEventType)
  type!: PaymentEventType;

  @Field(() => DateTime)
  occurredAt!: Date;

  userId!: string;
  data!: Record<string, unknown>;
}

/** The events that are part of the public contract, by their names on Redis; others are not shown. */
export const PAYMENT_EVENT_TYPES: Partial<Record<EventType, PaymentEventType>> = {
  "subscription.created": "SUBSCRIPTION_CREATED",
  "subscription.updated": "SUBSCRIPTION_UPDATED",
  "subscription.cancelled": "SUBSCRIPTION_CANCELLED",
  "payment.succeeded": "PAYMENT_SUCCEEDED",
  "payment.failed": "PAYMENT_FAILED",
  "purchase.completed": "PURCHASE_COMPLETED",
};

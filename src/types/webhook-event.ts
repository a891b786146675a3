import { Field, ID, Int, ObjectType, registerEnumType } from "type-graphql";
import { connectionOf } from "./connection.ts";
import { DateTime } from "./scalars.ts";

/** Where an event of the inbox stands; the values are the words of its rows. */
export const WebhookEventStatus = {
  PENDING: "pending",
  DONE: "done",
  IGNORED: "ignored",
  FAILED: "failed",
} as const;
export type WebhookEventStatus = (typeof WebhookEventStatus)[keyof typeof WebhookEventStatus];
registerEnumType(WebhookEventStatus, {
  name: "WebhookEventStatus",
  description: "FAILED: a dead letter, which waits for somebody to replay it.",
});

/** How an event came into the inbox. */
export const WebhookEventSource = { WEBHOOK: "webhook", CATCH_UP: "catch-up" } as const;
export type WebhookEventSource = (typeof WebhookEventSource)[keyof typeof WebhookEventSource];
registerEnumType(WebhookEventSource, {
  name: "WebhookEventSource",
  description: "CATCH_UP: its webhook never arrived; it was found in Stripe's list of events.",
});

/** An event of Stripe's as operators see it: what it is about and how its work goes, never its payload. */
@ObjectType({ description: "An event that Stripe sent. For admins; its payload is not shown." })
export class WebhookEvent {
  @Field(() => ID, { description: "Stripe's id of it." })
  id!: string;

  @Field()
  type!: string;

  @Field(() => String, {
    nullable: true,
    description: "Stripe's id of what is synced because of it; null when nothing is.",
  })
  objectId!: string | null;

  @Field(() => WebhookEventStatus)
  status!: WebhookEventStatus;

  @Field(() => WebhookEventSource)
  source!: WebhookEventSource;

  @Field(() => Int, { description: "How often its work was begun." })
  attempts!: number;

  @Field(() => String, { nullable: true, description: "Why the last attempt failed." })
  lastError!: string | null;

  @Field(() => DateTime)
  receivedAt!: Date;

  @Field(() => DateTime, { nullable: true, description: "Null unless PENDING." })
  nextTryAt!: Date | null;
}

export const WebhookEventConnection = connectionOf("WebhookEvent", WebhookEvent);

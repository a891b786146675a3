import { Arg, Ctx, Directive, ID, Int, Mutation, Query, Resolver } from "type-graphql";
import { Rule } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import type { WebhookEventService } from "../services/webhook-event.service.ts";
import type { Connection } from "../types/connection.ts";
import { WebhookEvent, WebhookEventConnection, WebhookEventStatus } from "../types/webhook-event.ts";
import { IdempotencyKey } from "./inputs/idempotency-key.ts";

/** The inbox, for admins. */
@Resolver(() => WebhookEvent)
export class WebhookEventResolver {
  constructor(private readonly events: WebhookEventService) {}

  @Query(() => WebhookEventConnection, {
    description: "Role admin. Newest first; with status FAILED the dead letters.",
  })
  @Directive('@tag(name: "internal")')
  @Rule("admin")
  webhookEvents(
    @Arg("status", () => WebhookEventStatus, { nullable: true }) status: WebhookEventStatus | null,
    @Arg("type", () => String, { nullable: true }) type: string | null,
    @Arg("first", () => Int, { defaultValue: 20 }) first: number,
    @Arg("after", () => String, { nullable: true }) after: string | null,
  ): Promise<Connection<WebhookEvent>> {
    return this.events.list({ status: status ?? null, type: type ?? null, first, after: after ?? null });
  }

  @Mutation(() => WebhookEvent, {
    description:
      "Role admin. Has an event worked on again, whatever became of it: back to PENDING, and woken.",
  })
  @Directive('@tag(name: "internal")')
  @Rule("admin")
  replayWebhookEvent(
    @Arg("id", () => ID) id: string,
    @IdempotencyKey() idempotencyKey: string | null,
    @Ctx() { caller }: Context,
  ): Promise<WebhookEvent> {
    return this.events.replay(caller, id, idempotencyKey);
  }
}

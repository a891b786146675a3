import { Arg, Directive, ID, Int, Query, Resolver } from "type-graphql";
import { Rule } from "../auth/rules.ts";
import type { SubscriptionHistoryService } from "../services/subscription-history.service.ts";
import type { Connection } from "../types/connection.ts";
import { SubscriptionHistoryConnection, SubscriptionHistoryEntry } from "../types/subscription-history.ts";

/** The audit log as a timeline, for admins. */
@Resolver(() => SubscriptionHistoryEntry)
export class SubscriptionHistoryResolver {
  constructor(private readonly history: SubscriptionHistoryService) {}

  @Query(() => SubscriptionHistoryConnection, {
    nullable: true,
    description:
      "Role admin. What happened to a subscription, its grants and its invoices, newest first: who did what, why, and what it changed.",
  })
  @Directive('@tag(name: "internal")')
  @Rule("admin")
  subscriptionHistory(
    @Arg("id", () => ID) id: string,
    @Arg("first", () => Int, { defaultValue: 20 }) first: number,
    @Arg("after", () => String, { nullable: true }) after: string | null,
  ): Promise<Connection<SubscriptionHistoryEntry> | null> {
    return this.history.list({ id, first, after: after ?? null });
  }
}

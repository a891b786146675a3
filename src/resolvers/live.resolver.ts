import { Arg, Ctx, FieldResolver, ID, Subscription as Live, Resolver, Root } from "type-graphql";
import { Rule, UserId } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import { Payment } from "../entities/payment.ts";
import { Purchase } from "../entities/purchase.ts";
import { Subscription } from "../entities/subscription.ts";
import { UserAccess } from "../entities/user-access.ts";
import type { Live as LiveState } from "../services/live.service.ts";
import { PaymentEventType } from "../types/enums.ts";
import { reference, User } from "../types/federated.ts";
import { PaymentEvent } from "../types/payment-event.ts";

type Args = { userId?: string | null; types?: PaymentEventType[] | null; after?: string | null };
type Asked = { args: Args; context: Context };

/** The live part of the API: over WebSocket (graphql-transport-ws) at the path of queries. */
@Resolver(() => PaymentEvent)
export class LiveResolver {
  @Live(() => Subscription, {
    nullable: true,
    subscribe: ({ args, context: { caller, live } }: Asked) =>
      live.subscriptionStatus(caller, caller.targetUser(args.userId)),
    description: "The current state first, then each change.",
  })
  @Rule("signed-in")
  subscriptionStatusChanged(
    @Root() { state }: LiveState<Subscription | null>,
    @UserId() _userId: string,
    @Ctx() context: Context,
  ): Subscription | null {
    context.renew();
    return state;
  }

  @Live(() => [UserAccess], {
    subscribe: ({ args, context: { caller, live } }: Asked) =>
      live.accessGrants(caller, caller.targetUser(args.userId)),
    description: "The grants in force first, then the new list at each change.",
  })
  @Rule("signed-in")
  accessChanged(
    @Root() { state }: LiveState<UserAccess[]>,
    @UserId() _userId: string,
    @Ctx() context: Context,
  ): UserAccess[] {
    context.renew();
    return state;
  }

  @Live(() => PaymentEvent, {
    subscribe: ({ args, context: { caller, live } }: Asked) =>
      live.events(caller, caller.targetUser(args.userId), args.types ?? null, args.after ?? null),
    description:
      "Each event from now on; with `after` (an event's id) those since then first, as far back as they are kept.",
  })
  @Rule("signed-in")
  paymentEvents(
    @Root() event: PaymentEvent,
    @UserId() _userId: string,
    @Arg("types", () => [PaymentEventType], { nullable: true }) _types: PaymentEventType[] | null,
    @Arg("after", () => ID, { nullable: true }) _after: string | null,
    @Ctx() context: Context,
  ): PaymentEvent {
    context.renew();
    return event;
  }

  @FieldResolver(() => User, { nullable: true })
  user(@Root() { userId }: PaymentEvent): User {
    return reference(User, userId);
  }

  @FieldResolver(() => Subscription, { nullable: true })
  subscription(
    @Root() { data }: PaymentEvent,
    @Ctx() { loaders }: Context,
  ): Promise<Subscription | null> | null {
    return typeof data.subscriptionId === "string" ? loaders.subscription.load(data.subscriptionId) : null;
  }

  @FieldResolver(() => Payment, { nullable: true })
  payment(@Root() { data }: PaymentEvent, @Ctx() { loaders }: Context): Promise<Payment | null> | null {
    return typeof data.paymentId === "string" ? loaders.payment.load(data.paymentId) : null;
  }

  @FieldResolver(() => Purchase, { nullable: true })
  purchase(@Root() { data }: PaymentEvent, @Ctx() { loaders }: Context): Promise<Purchase | null> | null {
    return typeof data.purchaseId === "string" ? loaders.purchase.load(data.purchaseId) : null;
  }
}

import { Arg, Args, Ctx, FieldResolver, ID, Resolver, Root } from "type-graphql";
import { Rule } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import { Invoice, InvoiceConnection } from "../entities/invoice.ts";
import { Offer } from "../entities/offer.ts";
import { Payment, PaymentConnection } from "../entities/payment.ts";
import { PaymentMethod } from "../entities/payment-method.ts";
import { Purchase, PurchaseConnection } from "../entities/purchase.ts";
import { Subscription } from "../entities/subscription.ts";
import { UserAccess } from "../entities/user-access.ts";
import { type Decision, questionOf } from "../services/access-question.ts";
import { subscriptionLoader } from "../services/brief-subscriptions.ts";
import { pageAsked } from "../services/pages.ts";
import type { Connection } from "../types/connection.ts";
import { PurchasableType } from "../types/enums.ts";
import { Course, LearningPath, User } from "../types/federated.ts";
import { AccessDecision } from "../types/results.ts";
import { PageArgs, PaymentsArgs } from "./inputs/page.inputs.ts";

/** What payments add to a user. Private to them; nullable, so that a refusal never takes other teams' data along. */
@Resolver(() => User)
export class UserResolver {
  @FieldResolver(() => Subscription, {
    nullable: true,
    description: "The live subscription, or the latest that ended; null when the user never had one (Free).",
  })
  @Rule("owner")
  subscription(
    @Root() { id }: User,
    @Ctx() context: Context,
  ): Subscription | null | Promise<Subscription | null> {
    return subscriptionLoader(context).load(id);
  }

  @FieldResolver(() => [Subscription], {
    nullable: true,
    description: "All of them, newest first; attempts that were never paid too.",
  })
  @Rule("owner")
  subscriptions(@Root() { id }: User, @Ctx() { loaders }: Context): Promise<Subscription[]> {
    return loaders.subscriptions.load(id);
  }

  @FieldResolver(() => PaymentConnection, { nullable: true, description: "Newest first." })
  @Rule("owner")
  payments(
    @Root() { id }: User,
    @Args(() => PaymentsArgs) page: PaymentsArgs,
    @Ctx() { loaders }: Context,
  ): Promise<Connection<Payment>> {
    return loaders.payments.load(pageAsked({ ...page, userId: id }));
  }

  @FieldResolver(() => PurchaseConnection, { nullable: true, description: "Newest first." })
  @Rule("owner")
  purchases(
    @Root() { id }: User,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() { loaders }: Context,
  ): Promise<Connection<Purchase>> {
    return loaders.purchases.load(pageAsked({ ...page, userId: id }));
  }

  @FieldResolver(() => InvoiceConnection, { nullable: true, description: "Newest first." })
  @Rule("owner")
  invoices(
    @Root() { id }: User,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() { loaders }: Context,
  ): Promise<Connection<Invoice>> {
    return loaders.invoices.load(pageAsked({ ...page, userId: id }));
  }

  @FieldResolver(() => [PaymentMethod], { nullable: true, description: "Newest first." })
  @Rule("owner")
  paymentMethods(@Root() { id }: User, @Ctx() { loaders }: Context): Promise<PaymentMethod[]> {
    return loaders.paymentMethods.load(id);
  }

  @FieldResolver(() => [UserAccess], { nullable: true, description: "Grants in force now." })
  @Rule("owner")
  access(@Root() { id }: User, @Ctx() { loaders }: Context): Promise<UserAccess[]> {
    return loaders.grants.load(id);
  }

  @FieldResolver(() => AccessDecision, {
    nullable: true,
    description: "May this user open this course or learning path?",
  })
  @Rule("owner")
  accessTo(
    @Root() { id }: User,
    @Arg("resourceType", () => PurchasableType) resourceType: PurchasableType,
    @Arg("resourceId", () => ID) resourceId: string,
    @Ctx() { loaders }: Context,
  ): Decision | Promise<Decision> {
    return loaders.decision.load(questionOf(id, resourceType, resourceId));
  }
}

const OFFER = "What it costs on its own; null when it cannot be bought now, except for staff.";
const VIEWER_ACCESS =
  "For the signed-in user; not granted when nobody is; null with an error when it cannot be told.";

const VIEWER_PURCHASE =
  "The signed-in user's purchase of it that stands or waits for its money, else their latest; null when nobody is.";

@Resolver(() => Course)
export class CourseResolver {
  @FieldResolver(() => Offer, { nullable: true, description: OFFER })
  @Rule("public")
  offer(@Root() { id }: Course, @Ctx() context: Context): Promise<Offer | null> {
    return offerOf(context, "COURSE", id);
  }

  @FieldResolver(() => AccessDecision, { nullable: true, description: VIEWER_ACCESS })
  @Rule("viewer")
  viewerAccess(@Root() { id }: Course, @Ctx() context: Context): Decision | Promise<Decision> {
    return viewerAccess(context, "COURSE", id);
  }

  @FieldResolver(() => Purchase, { nullable: true, description: VIEWER_PURCHASE })
  @Rule("viewer")
  viewerPurchase(@Root() { id }: Course, @Ctx() context: Context): Promise<Purchase | null> {
    return viewerPurchase(context, "COURSE", id);
  }
}

@Resolver(() => LearningPath)
export class LearningPathResolver {
  @FieldResolver(() => Offer, { nullable: true, description: OFFER })
  @Rule("public")
  offer(@Root() { id }: LearningPath, @Ctx() context: Context): Promise<Offer | null> {
    return offerOf(context, "LEARNING_PATH", id);
  }

  @FieldResolver(() => AccessDecision, { nullable: true, description: VIEWER_ACCESS })
  @Rule("viewer")
  viewerAccess(@Root() { id }: LearningPath, @Ctx() context: Context): Decision | Promise<Decision> {
    return viewerAccess(context, "LEARNING_PATH", id);
  }

  @FieldResolver(() => Purchase, { nullable: true, description: VIEWER_PURCHASE })
  @Rule("viewer")
  viewerPurchase(@Root() { id }: LearningPath, @Ctx() context: Context): Promise<Purchase | null> {
    return viewerPurchase(context, "LEARNING_PATH", id);
  }
}

async function offerOf(
  { caller, loaders }: Context,
  resourceType: PurchasableType,
  resourceId: string,
): Promise<Offer | null> {
  const offer = await loaders.offer.load({ resourceType, resourceId });
  return offer?.isActive || caller.isStaff ? offer : null;
}

function viewerAccess(
  { caller, loaders }: Context,
  resourceType: PurchasableType,
  resourceId: string,
): Decision | Promise<Decision> {
  if (!caller.isKnown) return { granted: false, source: null, expiresAt: null };
  return loaders.decision.load({ userId: caller.ownId(), resourceType, resourceId });
}

async function viewerPurchase(
  { caller, loaders }: Context,
  resourceType: PurchasableType,
  resourceId: string,
): Promise<Purchase | null> {
  if (!caller.isKnown) return null;
  return loaders.purchaseOf.load({ userId: caller.ownId(), resourceType, resourceId });
}

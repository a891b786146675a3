// The part of the graph that is measured, as another team would write it by hand.
import DataLoader from "dataloader";
import { GraphQLScalarType } from "graphql";
import { assertMaySee, callerOf, targetUser } from "./caller.mjs";
import { decide, plansOnSale, subscriptionsOf } from "./queries.mjs";

export const typeDefs = `
  scalar DateTime
  enum PurchasableType { COURSE LEARNING_PATH }
  enum AccessSource { SUBSCRIPTION PURCHASE TRIAL PROMOTION SEAT GIFT }
  enum SubscriptionStatus { INCOMPLETE INCOMPLETE_EXPIRED TRIALING ACTIVE PAST_DUE PAUSED CANCELED UNPAID }
  enum PlanTier { FREE PREMIUM ENTERPRISE }
  enum BillingInterval { MONTH YEAR }

  type Query {
    accessTo(resourceId: ID!, resourceType: PurchasableType!, userId: ID): AccessDecision!
    plans: [Plan!]!
  }
  type AccessDecision { granted: Boolean! source: AccessSource expiresAt: DateTime }
  type User @key(fields: "id") { id: ID! subscription: UserSubscription }
  type UserSubscription @key(fields: "id") { id: ID! status: SubscriptionStatus! plan: Plan! }
  type Course @key(fields: "id") { id: ID! viewerAccess: AccessDecision }
  type Plan @key(fields: "id") {
    id: ID!
    name: String!
    tier: PlanTier!
    description: String
    interval: BillingInterval
    trialDays: Int!
    features: [PlanFeature!]!
    price: MonetaryAmount!
    monthlyPrice: MonetaryAmount!
    isActive: Boolean!
  }
  type PlanFeature { key: String! name: String! limit: Int }
  type MonetaryAmount { amount: Int! currency: String! }
`;

const DateTime = new GraphQLScalarType({ name: "DateTime", serialize: (value) => value.toISOString() });
const itself = ({ id }) => ({ id });

export const resolvers = {
  DateTime,
  Query: {
    accessTo: (_, { userId, resourceType, resourceId }, { caller, loaders }) =>
      loaders.decision.load({ userId: targetUser(caller, userId), resourceType, resourceId }),
    plans: () => plansOnSale(),
  },
  User: {
    __resolveReference: itself,
    subscription: ({ id }, _, { caller, loaders }) => {
      assertMaySee(caller, id);
      return loaders.subscription.load(id);
    },
  },
  Course: {
    __resolveReference: itself,
    viewerAccess: ({ id }, _, { caller, loaders }) =>
      caller
        ? loaders.decision.load({ userId: caller.id, resourceType: "COURSE", resourceId: id })
        : { granted: false },
  },
};

/** One request's. Nothing is asked for twice within one, so its answers are not kept. */
export async function contextOf(header) {
  return {
    caller: await callerOf(header),
    loaders: {
      subscription: new DataLoader(subscriptionsOf, { cache: false }),
      decision: new DataLoader(decide, { cache: false }),
    },
  };
}

import "reflect-metadata";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { getDirectives, MapperKind, mapSchema, printSchemaWithDirectives } from "@graphql-tools/utils";
import { defaultFieldResolver, type GraphQLSchema, isObjectType, isUnionType, parse } from "graphql";
import {
  buildSchemaSync,
  type ContainerType,
  createResolversMap,
  type NonEmptyArray,
  type PubSub,
} from "type-graphql";
import { checkRule } from "./auth/rules.ts";
import type { Context } from "./context.ts";
import { toGraphQLError } from "./format-error.ts";
import { makeLean, typeNames } from "./lean-resolvers.ts";
import type { Logger } from "./logger.ts";
import { counted } from "./rate-limits/counted.ts";
import type { RateLimits } from "./rate-limits/rate-limits.ts";
import { assertReferences, foresee, referenceResolver } from "./references.ts";
import { AccessResolver } from "./resolvers/access.resolver.ts";
import { AnonymizationResolver } from "./resolvers/anonymization.resolver.ts";
import { BillingPortalResolver } from "./resolvers/billing-portal.resolver.ts";
import { CheckoutResolver } from "./resolvers/checkout.resolver.ts";
import { DisputeResolver } from "./resolvers/dispute.resolver.ts";
import { CourseResolver, LearningPathResolver, UserResolver } from "./resolvers/federated.resolver.ts";
import { GrantResolver } from "./resolvers/grant.resolver.ts";
import { assertStorable } from "./resolvers/inputs/storable.ts";
import { InvoiceResolver } from "./resolvers/invoice.resolver.ts";
import { LiveResolver } from "./resolvers/live.resolver.ts";
import { OfferResolver } from "./resolvers/offer.resolver.ts";
import { PaymentResolver } from "./resolvers/payment.resolver.ts";
import { PaymentMethodResolver } from "./resolvers/payment-method.resolver.ts";
import { PlanResolver } from "./resolvers/plan.resolver.ts";
import { PromotionResolver } from "./resolvers/promotion.resolver.ts";
import { PurchaseResolver } from "./resolvers/purchase.resolver.ts";
import { RefundResolver } from "./resolvers/refund.resolver.ts";
import { SubscriptionResolver } from "./resolvers/subscription.resolver.ts";
import { SubscriptionChangeResolver } from "./resolvers/subscription-change.resolver.ts";
import { SubscriptionHistoryResolver } from "./resolvers/subscription-history.resolver.ts";
import { UserDataResolver } from "./resolvers/user-data.resolver.ts";
import { WebhookEventResolver } from "./resolvers/webhook-event.resolver.ts";
import { Currency, DateTime, JsonObject, SafeInt } from "./types/scalars.ts";

// biome-ignore lint/complexity/noBannedTypes: TypeGraphQL's own type for classes
const RESOLVERS: NonEmptyArray<Function> = [
  PlanResolver,
  OfferResolver,
  SubscriptionResolver,
  SubscriptionChangeResolver,
  CheckoutResolver,
  PaymentMethodResolver,
  BillingPortalResolver,
  PaymentResolver,
  InvoiceResolver,
  PurchaseResolver,
  AccessResolver,
  AnonymizationResolver,
  GrantResolver,
  RefundResolver,
  DisputeResolver,
  PromotionResolver,
  UserResolver,
  CourseResolver,
  LearningPathResolver,
  LiveResolver,
  WebhookEventResolver,
  SubscriptionHistoryResolver,
  UserDataResolver,
];

const FEDERATION =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable", "@tag"])';

/** TypeGraphQL insists on one; every live field here brings its own source instead (see LiveService). */
const NO_TOPICS: PubSub = {
  publish: () => {},
  subscribe: () => {
    throw new Error("live fields have sources, not topics");
  },
};

/** TypeGraphQL's schema as the classes declare it, before federation. */
export function declaredSchema(container?: ContainerType): GraphQLSchema {
  return buildSchemaSync({
    resolvers: RESOLVERS,
    scalarsMap: [{ type: Date, scalar: DateTime }],
    authChecker: checkRule,
    pubSub: NO_TOPICS,
    validate: { forbidUnknownValues: false, stopAtFirstError: true },
    ...(container && { container }),
  });
}

/** The SDL that schema.graphql holds: what a gateway composes. */
export function schemaSdl(declared: GraphQLSchema = declaredSchema()): string {
  return `${FEDERATION}\n\n${printSchemaWithDirectives(declared)}\n`;
}

/** The executable federated schema. Authorisation and masking hold in it, whatever transport runs it. */
export function createSchema(
  container: ContainerType,
  logger: Logger,
  limits: Pick<RateLimits, "admit">,
): GraphQLSchema {
  const declared = declaredSchema(container);
  const resolvers = createResolversMap(declared) as Record<string, object>;
  makeLean(resolvers as never, container as never);
  Object.assign(resolvers, { DateTime, SafeInt, Currency, JSONObject: JsonObject });
  const schema = buildSubgraphSchema([
    { typeDefs: parse(schemaSdl(declared)), resolvers: resolvers as never },
  ]);
  resolveReferences(schema, entityNames(declared), logger);
  return maskErrors(schema, logger, limits);
}

/**
 * Finds the entities that a gateway refers to, and what they are by their classes. All of them before any is looked
 * into, with an error in the place of each that failed: compiled queries lose count of a list when one of its promises
 * is rejected before the others are there.
 */
function resolveReferences(schema: GraphQLSchema, names: string[], logger: Logger): void {
  const resolvers = new Map(names.map((name) => [name, masked(referenceResolver(name), logger)]));
  const entities = schema.getQueryType()?.getFields()._entities;
  const union = schema.getType("_Entity");
  if (!entities || !isUnionType(union)) return;
  const known = typeNames();
  union.resolveType = (entity: object) => known.get(entity.constructor);
  const find = (reference: { __typename: string }, context: Context): unknown => {
    try {
      const entity = resolvers.get(reference.__typename)?.(reference as never, context);
      return entity instanceof Promise ? entity.catch((error: unknown) => error) : entity;
    } catch (error) {
      return error;
    }
  };
  entities.resolve = (_source, { representations }, context) => {
    assertReferences(representations);
    const found = representations.map((reference: { __typename: string }) => find(reference, context));
    const foreseen = foresee(found, context);
    const areThere = !found.some((one: unknown) => one instanceof Promise);
    if (areThere) return foreseen ? foreseen.then(() => found) : found;
    return Promise.all([foreseen, ...found]).then(([, ...all]) => all);
  };
}

/** Types with a key: what other subgraphs may refer to. */
export function entityNames(schema: GraphQLSchema): string[] {
  return Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .filter((type) => getDirectives(schema, type).some(({ name }) => name === "key"))
    .map(({ name }) => name);
}

/** Every resolver and every source of a live subscription lets only known errors through. */
function maskErrors(schema: GraphQLSchema, logger: Logger, limits: Pick<RateLimits, "admit">): GraphQLSchema {
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field, name, type) => {
      const { resolve, subscribe } = counted(field, name, type, limits);
      // a gateway's references are looked at one by one: a bad one spoils no other entity's answer
      const isGuarded = name !== "_entities" && Object.keys(field.args ?? {}).length > 0;
      if (resolve && resolve !== defaultFieldResolver)
        field.resolve = masked(isGuarded ? guarded(resolve) : resolve, logger);
      if (subscribe) field.subscribe = masked(maskedSource(guarded(subscribe), logger), logger);
      return field;
    },
  });
}

/** No text goes further in that could not be kept. */
function guarded<Args extends [source: unknown, args: object, ...rest: unknown[]]>(
  resolve: (...args: Args) => unknown,
) {
  return (...args: Args): unknown => {
    assertStorable(args[1]);
    return resolve(...args);
  };
}

/** A source that fails in the middle ends with a known error as well. */
function maskedSource<Args extends unknown[]>(subscribe: (...args: Args) => unknown, logger: Logger) {
  return async (...args: Args): Promise<unknown> => {
    const source = await subscribe(...args);
    if (!isAsyncIterable(source)) return source;
    // not a generator: leaving one that waits would have to wait as well
    const events = source[Symbol.asyncIterator]();
    return {
      next: masked(() => events.next(), logger),
      return: async () => (await events.return?.()) ?? { done: true, value: undefined },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  };
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof (value as AsyncIterable<unknown> | null)?.[Symbol.asyncIterator] === "function";

function masked<Args extends unknown[]>(resolve: (...args: Args) => unknown, logger: Logger) {
  return (...args: Args): unknown => {
    try {
      const result = resolve(...args);
      if (!(result instanceof Promise)) return result;
      return result.catch((error: unknown) => {
        throw toGraphQLError(error, logger);
      });
    } catch (error) {
      throw toGraphQLError(error, logger);
    }
  };
}

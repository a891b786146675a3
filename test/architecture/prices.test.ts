import {
  buildSchema,
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from "graphql";
import { declaredSchema } from "../../src/schema.ts";

// Rule 9 of the design: prices come from the server. Whoever has no role has no word for an amount.

/** What nobody counts or names money with; numbers only under the names below. */
const WORDLESS = ["ID", "String", "Boolean", "DateTime"];
/** Numbers that are no amount: how many of a page, and how many seats, at the price that the server has. */
const COUNTS = ["first", "quantity"];
const MONEY =
  /amount|price|cost|fee|total|minor|cents|currency|money|percent|discount|credit|balance|coupon|tax|^off|off$/i;
const STAFF = ["admin", "staff"];

type Given = Pick<GraphQLArgument | GraphQLInputField, "name" | "type">;

/** Everything that somebody without a role may say to the API, by where it is said. */
function sayable(schema: GraphQLSchema): [path: string, given: Given][] {
  return Object.values(schema.getTypeMap())
    .filter((type) => isObjectType(type) || isInterfaceType(type))
    .filter(({ name }) => !name.startsWith("__"))
    .flatMap((type) =>
      Object.values(type.getFields())
        .filter(({ extensions }) => !STAFF.includes(String(extensions.rule)))
        .flatMap((field) => within(`${type.name}.${field.name}`, field.args, [])),
    );
}

/** Arguments or input fields and what is nested in them; a type within itself is looked at once. */
function within(path: string, all: readonly Given[], above: string[]): [string, Given][] {
  return all.flatMap((given): [string, Given][] => {
    const at = `${path}.${given.name}`;
    const type = getNamedType(given.type);
    const isNew = isInputObjectType(type) && !above.includes(type.name);
    const nested = isNew ? within(at, Object.values(type.getFields()), [...above, type.name]) : [];
    return [[at, given], ...nested];
  });
}

/** What of it could carry an amount: by its name, or by a type that is neither text, a choice, a moment nor a count. */
function amountsIn(schema: GraphQLSchema): string[] {
  return sayable(schema)
    .filter(([, given]) => {
      const type = getNamedType(given.type);
      const isCount = type.name === "Int" && COUNTS.includes(given.name);
      const isHarmless =
        isInputObjectType(type) || isEnumType(type) || WORDLESS.includes(type.name) || isCount;
      return !isHarmless || MONEY.test(given.name);
    })
    .map(([at]) => at);
}

test("no price can be set without a role: nothing that a learner may say carries an amount", () => {
  expect(amountsIn(declaredSchema())).toEqual([]);
});

test("everything that a learner may say was looked at, what is nested as well, and nothing of what staff may", () => {
  const paths = sayable(declaredSchema()).map(([at]) => at);
  expect(paths).toEqual(
    expect.arrayContaining([
      "Query.payments.first",
      "Query.previewPlanChange.quantity",
      "Mutation.createPurchase.input.promotionCode",
      "Mutation.createCheckoutSession.input.quantity",
      "Mutation.changePlan.input.prorationDate",
      "Mutation.addPaymentMethod.input.stripePaymentMethodId",
    ]),
  );
  expect(paths).not.toContain("Mutation.refundPayment.input.amount");
  expect(paths).not.toContain("Mutation.upsertOffer.input.currency");
});

test("an amount is seen by its name and by its type, however deep it is, on any field of any type", () => {
  const schema = buildSchema(`
    scalar SafeInt
    scalar Anything
    enum Tier { LOW HIGH }
    input Terms { price: String, tier: Tier, more: Terms, much: SafeInt, whatever: Anything }
    input Order { quantity: Int, terms: [Terms!]!, seats: Int, amountOff: ID }
    type Plan { priceIn(currency: String, first: Int): Int }
    type Query { buy(order: Order!, plan: ID): Plan, ratio(of: Float): Int }
    type Mutation { refund(amount: SafeInt!): Int }
  `);
  Object.assign(schema.getMutationType()?.getFields().refund ?? {}, { extensions: { rule: "staff" } });
  expect(amountsIn(schema).sort()).toEqual([
    "Plan.priceIn.currency",
    "Query.buy.order.amountOff",
    "Query.buy.order.seats",
    "Query.buy.order.terms.much",
    "Query.buy.order.terms.price",
    "Query.buy.order.terms.whatever",
    "Query.ratio.of",
  ]);
});

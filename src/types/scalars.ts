import { GraphQLScalarType } from "graphql";
import { GraphQLCurrency, GraphQLDateTime, GraphQLJSONObject, GraphQLSafeInt } from "graphql-scalars";

const renamed = (scalar: GraphQLScalarType, description: string) =>
  new GraphQLScalarType({ ...scalar.toConfig(), description, specifiedByURL: null });

/** RFC 3339 instant, always UTC. */
export const DateTime = renamed(GraphQLDateTime, "RFC 3339 instant, always UTC.");
DateTime.serialize = textOf(DateTime.serialize);

/** Writes instants as their JSON has them, those in a row that are the same but once: lists repeat them. */
function textOf(serialize: GraphQLScalarType["serialize"]): GraphQLScalarType["serialize"] {
  let [last, text] = [Number.NaN, ""];
  return (value) => {
    const instant = serialize(value) as Date;
    const moment = instant.getTime();
    if (moment !== last) [last, text] = [moment, instant.toISOString()];
    return text;
  };
}

/** Amounts and limits. */
export const SafeInt = renamed(
  GraphQLSafeInt,
  "Integer of at most 2^53-1 in magnitude; amounts are in the currency's minor unit (cents; yen as they are).",
);
/** ISO 4217 code. */
export const Currency = renamed(GraphQLCurrency, "ISO 4217 code, upper case.");
/** A document of its own form, described where it is given. */
export const JsonObject = renamed(GraphQLJSONObject, "A JSON object.");

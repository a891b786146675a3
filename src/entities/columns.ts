import { BigIntType } from "@mikro-orm/core";

interface Nullability {
  nullable?: boolean;
}

/** Column types that every table shares; functions, since MikroORM writes into the options it is given. */
export const text = (options?: Nullability) => ({ type: "text", columnType: "text", ...options });
export const uuid = (options?: Nullability) => ({ type: "uuid", columnType: "uuid", ...options });
export const flag = (options?: Nullability) => ({ type: "boolean", columnType: "boolean", ...options });
export const integer = (options?: Nullability) => ({ type: "integer", columnType: "integer", ...options });
export const json = (options?: Nullability) => ({ type: "json", columnType: "jsonb", ...options });
/** An instant with a time zone; never a local date. */
export const instant = (options?: Nullability) => ({
  type: "datetime",
  columnType: "timestamptz",
  ...options,
});
/** An amount in the currency's minor unit, exact up to 2^53-1. */
export const minor = (options?: Nullability) => ({
  type: new BigIntType("number"),
  columnType: "bigint",
  ...options,
});
export const nullable: Nullability = { nullable: true };

/** An id of a user, course or path: another service's, so opaque, but bounded. */
export const isOpaqueId = (column: string) => `length(${column}) >= 1 and length(${column}) <= 128`;
/** One of a fixed list of words. */
export const isOneOf = (column: string, words: readonly string[]) =>
  `${column} in (${words.map((word) => `'${word}'`).join(", ")})`;
/** ISO 4217, upper case. */
export const isCurrency = (column: string) => `${column} ~ '^[A-Z]{3}$'`;

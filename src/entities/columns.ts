import { BigIntType } from "@mikro-orm/core";

/** Column types that every table shares. */
export const text = { type: "text", columnType: "text" } as const;
export const uuid = { type: "uuid", columnType: "uuid" } as const;
export const flag = { type: "boolean", columnType: "boolean" } as const;
export const integer = { type: "integer", columnType: "integer" } as const;
export const json = { type: "json", columnType: "jsonb" } as const;
/** An instant with a time zone; never a local date. */
export const instant = { type: "datetime", columnType: "timestamptz" } as const;
/** An amount in the currency's minor unit, exact up to 2^53-1. */
export const minor = { type: new BigIntType("number"), columnType: "bigint" } as const;
export const nullable = { nullable: true } as const;

/** An id of a user, course or path: another service's, so opaque, but bounded. */
export const isOpaqueId = (column: string) => `length(${column}) between 1 and 128`;
/** One of a fixed list of words. */
export const isOneOf = (column: string, words: readonly string[]) =>
  `${column} in (${words.map((word) => `'${word}'`).join(", ")})`;
/** ISO 4217, upper case. */
export const isCurrency = (column: string) => `${column} ~ '^[A-Z]{3}$'`;

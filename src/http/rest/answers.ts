import { NotFound } from "../../errors.ts";
import type { Answer } from "./endpoints.ts";

// biome-ignore lint/suspicious/noExplicitAny: what a document asks for, as the schema has checked it
type Value = any;

/** The body of an answer. @throws NotFound for nothing where there should be something */
export function bodyOf(answer: Answer, value: Value): object | undefined {
  switch (answer) {
    case "nothing":
      return undefined;
    case "list":
      return Array.isArray(value)
        ? { items: value, nextCursor: null }
        : { items: value.nodes, nextCursor: value.pageInfo.hasNextPage ? value.pageInfo.endCursor : null };
    case "standing":
      return { subscription: value, tier: value?.grantsAccess ? value.plan.tier : "FREE" };
    case "value":
      if (value === null) throw new NotFound("thing at this address");
      return value;
  }
}

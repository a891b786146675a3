import type { GraphQLFieldConfig, GraphQLFieldResolver } from "graphql";
import { classesOf } from "./classes.ts";
import type { RateLimits } from "./rate-limits.ts";

type Named = { readonly countedAs: string | undefined };
type Field = GraphQLFieldConfig<unknown, Named>;
type Resolve = GraphQLFieldResolver<unknown, Named>;

/**
 * What a root field does, once it has been counted: in the schema, so that each alias counts, on every transport, and a
 * value that comes in a variable like one in the document.
 */
export function counted(
  field: Field,
  name: string,
  type: string,
  limits: Pick<RateLimits, "admit">,
): Pick<Field, "resolve" | "subscribe"> {
  const { resolve, subscribe } = field;
  if (type !== "Query" && type !== "Mutation" && type !== "Subscription") return field;
  const counting =
    (go: Resolve): Resolve =>
    (source, args, context, info) => {
      const admitted = limits.admit(context.countedAs, classesOf(type, name, args));
      return admitted
        ? admitted.then(() => go(source, args, context, info))
        : go(source, args, context, info);
    };
  return {
    resolve: resolve && type !== "Subscription" ? counting(resolve) : resolve,
    subscribe: subscribe && counting(subscribe),
  };
}

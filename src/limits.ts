import { maxAliasesRule } from "@escape.tech/graphql-armor-max-aliases";
import { maxDepthRule } from "@escape.tech/graphql-armor-max-depth";
import { GraphQLError, type ParseOptions, type ValidationContext, type ValidationRule } from "graphql";

/** How large a document may be, whichever way it comes. The deepest that a gateway or frontend of ours sends has 8 levels. */
export const LIMITS = {
  /** Levels of fields; fragments count for what they hold. */
  depth: 15,
  /** Fields under another name: asking the same field again and again needs them. */
  aliases: 100,
  /** Words and signs, so that reading a document takes no longer than answering it. */
  tokens: 2_000,
} as const;

/** For `parse`, on every transport. A longer document is GRAPHQL_PARSE_FAILED. */
export const PARSE_OPTIONS: ParseOptions = { maxTokens: LIMITS.tokens };

/** For `validate`, on every transport, beside the rules of the specification: GRAPHQL_VALIDATION_FAILED. */
export const LIMIT_RULES: readonly ValidationRule[] = [
  maxDepthRule({
    n: LIMITS.depth,
    flattenFragments: true,
    ...refusing(`This document is nested deeper than ${LIMITS.depth} levels.`),
  }),
  maxAliasesRule({
    n: LIMITS.aliases,
    ...refusing(`This document gives more than ${LIMITS.aliases} fields another name.`),
  }),
];

/** Reported like any other fault of a document, where these rules would throw out of `validate`. */
function refusing(message: string) {
  return {
    propagateOnRejection: false,
    onReject: [
      (context: ValidationContext | null) => {
        context?.reportError(new GraphQLError(message));
      },
    ],
  };
}

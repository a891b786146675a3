import { maxAliasesRule } from "@escape.tech/graphql-armor-max-aliases";
import { maxDepthRule } from "@escape.tech/graphql-armor-max-depth";
import {
  type ASTVisitor,
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type ParseOptions,
  type ValidationContext,
  type ValidationRule,
  visit,
} from "graphql";
import { costOf } from "./document-cost.ts";

/** How large a document may be, whichever way it comes. The deepest that a gateway or frontend of ours sends has 8 levels. */
export const LIMITS = {
  /** Levels of fields; fragments count for what they hold. */
  depth: 15,
  /** Fields under another name: asking the same field again and again needs them. */
  aliases: 100,
  /** Words and signs, so that reading a document takes no longer than answering it. */
  tokens: 2_000,
  /** Fields asked for again where they stand already: each is compared with each. */
  repeats: 50,
  /** Objects that it may answer with, pages as long as they are asked for. */
  cost: 10_000,
} as const;

/** For `parse`, on every transport. A longer document is GRAPHQL_PARSE_FAILED. */
export const PARSE_OPTIONS: ParseOptions = { maxTokens: LIMITS.tokens };

/** For `validate`, on every transport, beside the rules of the specification: GRAPHQL_VALIDATION_FAILED. */
export const LIMIT_RULES: readonly ValidationRule[] = [
  fewRepeats,
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

const costs = new WeakMap<OperationDefinitionNode, ReturnType<typeof costOf>>();

/** Why an operation that is valid costs too much with these variables, as they were sent; undefined when it does not. */
export function costFault(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>> | null | undefined,
): GraphQLError | undefined {
  let known = costs.get(operation);
  if (!known) {
    known = costOf(schema, document, operation);
    costs.set(operation, known);
  }
  const cost = known(variables ?? {});
  if (cost <= LIMITS.cost) return undefined;
  const words = `This may answer with ${cost} objects, ${LIMITS.cost} at most: ask for shorter pages, or for less of each.`;
  return new GraphQLError(words, {
    extensions: { code: "GRAPHQL_VALIDATION_FAILED", cost, limit: LIMITS.cost },
  });
}

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

/** A document that repeats itself too often is empty to all other rules: they would compare all that has one name. */
function fewRepeats(context: ValidationContext): ASTVisitor {
  return {
    Document(document) {
      if (repeatsIn(document) <= LIMITS.repeats) return undefined;
      const words = `This document asks for fields again more than ${LIMITS.repeats} times.`;
      context.reportError(new GraphQLError(words));
      return { ...document, definitions: [] };
    },
  };
}

/** How many fields have the name in the answer of one that stands beside them. */
function repeatsIn(document: DocumentNode): number {
  let repeats = 0;
  visit(document, {
    SelectionSet({ selections }) {
      const fields = selections.filter((selection) => selection.kind === Kind.FIELD);
      repeats += fields.length - new Set(fields.map(({ alias, name }) => (alias ?? name).value)).size;
    },
  });
  return repeats;
}

import {
  type DocumentNode,
  type ExecutionArgs,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  type OperationDefinitionNode,
  parse,
  specifiedRules,
  validate,
} from "graphql";
import type { SubscribePayload } from "graphql-ws";
import { costFault, LIMIT_RULES, PARSE_OPTIONS } from "../limits.ts";
import { withoutGuesses } from "../schema-secrecy.ts";

const RULES = [...specifiedRules, ...LIMIT_RULES];

/**
 * The operation that a client asks for over WebSocket, ready to run, or why it cannot be: with the codes that the
 * same fault has over HTTP, for that one operation and not the whole connection.
 */
export function liveOperation(
  schema: GraphQLSchema,
  { query, operationName, variables }: SubscribePayload,
): ExecutionArgs | readonly GraphQLError[] {
  try {
    const document = documentOf(query);
    const operation = subscriptionIn(document, operationName);
    const faults = validate(schema, document, RULES).map((fault) =>
      refusal(withoutGuesses(schema, fault.message), "GRAPHQL_VALIDATION_FAILED", fault),
    );
    if (faults.length > 0) return faults;
    const fault = costFault(schema, document, operation, variables);
    return fault ? [fault] : { schema, document, operationName, variableValues: variables ?? null };
  } catch (error) {
    if (error instanceof GraphQLError) return [error];
    throw error;
  }
}

function documentOf(query: string): DocumentNode {
  try {
    return parse(query, PARSE_OPTIONS);
  } catch (error) {
    if (error instanceof GraphQLError) throw refusal(error.message, "GRAPHQL_PARSE_FAILED", error);
    throw error;
  }
}

/** What a client has sent as a request, as far as it has the shape of one. */
export function payloadOf({ query, operationName, variables }: Record<string, unknown>): SubscribePayload {
  const isObject = typeof variables === "object" && !Array.isArray(variables);
  if (variables !== undefined && !isObject) throw refusal("Variables are an object.", "BAD_USER_INPUT");
  return {
    query: typeof query === "string" ? query : "",
    operationName: typeof operationName === "string" ? operationName : null,
    variables: (variables ?? null) as Record<string, unknown> | null,
  };
}

/** Queries and mutations belong to HTTP, where their limits and measures are. */
function subscriptionIn(
  document: DocumentNode,
  operationName: string | null | undefined,
): OperationDefinitionNode {
  const operation = getOperationAST(document, operationName);
  if (!operation) throw refusal("Name one of the document's operations.", "OPERATION_RESOLUTION_FAILURE");
  if (operation.operation !== "subscription")
    throw refusal("Send queries and mutations over HTTP.", "BAD_USER_INPUT");
  return operation;
}

const refusal = (message: string, code: string, at?: GraphQLError) =>
  new GraphQLError(message, {
    nodes: at?.nodes ?? null,
    source: at?.source ?? null,
    positions: at?.positions ?? null,
    extensions: { code },
  });

import {
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  subscribe,
} from "graphql";
import type { SubscribePayload } from "graphql-ws";
import type { Context, NewContext } from "../context.ts";
import { toGraphQLError, withCode } from "../format-error.ts";
import { type Logger, type LogScope, logScope, withLogScope } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import { withoutGuesses } from "../schema-secrecy.ts";
import { liveOperation } from "./live-operations.ts";

/** What live subscriptions are made of, on every transport. */
export interface LiveParts {
  schema: GraphQLSchema;
  newContext: NewContext;
  logger: Logger;
  metrics: Metrics;
}

/** What an operation answers from now on; it is rejected when its source fails, the end of the token included. */
export type Results = AsyncGenerator<ExecutionResult, void, void>;

/** Starts the operation that a client asks for, within the scope that its request is logged under. */
export async function openLive(
  parts: LiveParts,
  payload: SubscribePayload,
  newContext: () => Context,
): Promise<Results | ExecutionResult> {
  const operation = liveOperation(parts.schema, payload);
  if (!("schema" in operation)) return { errors: operation };
  return startLive({ ...operation, contextValue: newContext() }, logScope(), parts.logger);
}

/**
 * Runs an operation: each error has its code, and all that it ever does is logged under the ids of its request.
 * Its source begins with the first `next`.
 */
export async function startLive(
  args: ExecutionArgs,
  ids: LogScope,
  logger: Logger,
): Promise<Results | ExecutionResult> {
  const within = <T>(work: () => T) => withLogScope(ids, work);
  const told = (error: GraphQLError) => {
    const coded = withCode(error, logger);
    coded.message = withoutGuesses(args.schema, coded.message);
    return coded;
  };
  const coded = (result: ExecutionResult) =>
    result.errors ? { ...result, errors: result.errors.map(told) } : result;
  try {
    const started = await within(() => subscribe(args));
    if (!isResults(started)) return within(() => coded(started));
    const results: Results = {
      next: () =>
        within(async () => {
          const step = await started.next();
          return step.done ? step : { ...step, value: coded(step.value) };
        }),
      return: () => within(() => started.return()),
      throw: (error) => within(() => started.throw(error)),
      [Symbol.asyncIterator]() {
        return this;
      },
      [Symbol.asyncDispose]: async () => void (await within(() => started.return())),
    };
    return results;
  } catch (error) {
    return { errors: within(() => refusalsOf(error, logger)) };
  }
}

/** Why a source has failed, as a client may see it. */
export const refusalsOf = (error: unknown, logger: Logger): readonly GraphQLError[] => [
  error instanceof GraphQLError ? withCode(error, logger) : toGraphQLError(error, logger),
];

export const isResults = (started: Results | ExecutionResult): started is Results =>
  Symbol.asyncIterator in started;

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
import type { Held } from "./held.ts";
import { liveOperation } from "./live-operations.ts";

/** What live subscriptions are made of, on every transport. */
export interface LiveParts {
  schema: GraphQLSchema;
  newContext: NewContext;
  logger: Logger;
  metrics: Metrics;
  /** What each caller has open, on all transports. */
  held: Held;
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
  return startLive({ ...operation, contextValue: newContext() }, logScope(), parts);
}

/**
 * Runs an operation: each error has its code, and all that it ever does is logged under the ids of its request. As long as
 * it is open it is one of those that its caller may have. Its source begins with the first `next`.
 */
export async function startLive(
  args: ExecutionArgs,
  ids: LogScope,
  { logger, held }: Pick<LiveParts, "logger" | "held">,
): Promise<Results | ExecutionResult> {
  const within = <T>(work: () => T) => withLogScope(ids, work);
  const told = (error: GraphQLError) => {
    const coded = withCode(error, logger);
    coded.message = withoutGuesses(args.schema, coded.message);
    return coded;
  };
  const coded = (result: ExecutionResult) =>
    result.errors ? { ...result, errors: result.errors.map(told) } : result;
  let letGo = () => {};
  try {
    letGo = held.take((args.contextValue as Context).countedAs);
    const started = await within(() => subscribe(args));
    if (isResults(started)) return followed(started, { within, coded, letGo });
    letGo();
    return within(() => coded(started));
  } catch (error) {
    letGo();
    return { errors: within(() => refusalsOf(error, logger)) };
  }
}

interface Following {
  within: <T>(work: () => T) => T;
  coded: (result: ExecutionResult) => ExecutionResult;
  letGo: () => void;
}

/** What a source gives; let go of when it ends, however it does. */
function followed(source: Results, { within, coded, letGo }: Following): Results {
  const end = <T>(work: () => Promise<T>) => within(work).finally(letGo);
  return {
    next: () =>
      within(async () => {
        try {
          const step = await source.next();
          if (step.done) letGo();
          return step.done ? step : { ...step, value: coded(step.value) };
        } catch (error) {
          letGo();
          throw error;
        }
      }),
    return: () => end(() => source.return()),
    throw: (error) => end(() => source.throw(error)),
    [Symbol.asyncIterator]() {
      return this;
    },
    [Symbol.asyncDispose]: async () => void (await end(() => source.return())),
  };
}

/** Why a source has failed, as a client may see it. */
export const refusalsOf = (error: unknown, logger: Logger): readonly GraphQLError[] => [
  error instanceof GraphQLError ? withCode(error, logger) : toGraphQLError(error, logger),
];

export const isResults = (started: Results | ExecutionResult): started is Results =>
  Symbol.asyncIterator in started;

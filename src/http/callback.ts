import type { Request, RequestHandler, Response } from "express";
import { type ExecutionResult, GraphQLError } from "graphql";
import type { Caller } from "../auth/caller.ts";
import type { Config } from "../config.ts";
import { BadUserInput, DomainError, RateLimited, ServiceUnavailable } from "../errors.ts";
import { toGraphQLError } from "../format-error.ts";
import { logScope } from "../logger.ts";
import { type Callback, extensionOf, permitted, WHERE } from "./callback-guards.ts";
import { liveOperation, payloadOf } from "./live-operations.ts";
import { isResults, type LiveParts, type Results, refusalsOf, startLive } from "./live-results.ts";
import { RouterLine } from "./router-line.ts";

const MOST_PER_CALLER = 50;

/**
 * Apollo's HTTP callback protocol
 * (https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/callback-protocol): a router asks for a
 * subscription, and its results are posted to the address that it names. Whatever carries the extension ends here;
 * why Apollo's own plugin is not used: docs/decisions/0020.
 */
export function callbacks(config: Config, parts: LiveParts) {
  const { schema, newContext, logger, metrics } = parts;
  const open = new Map<RouterLine, Caller>();
  let isClosed = false;

  const route: RequestHandler = async (request, response, next) => {
    const extension = extensionOf(request);
    if (extension === undefined) return next();
    try {
      const { caller, callback } = await permitted(config, request, extension);
      if (isClosed) throw new ServiceUnavailable();
      await begin(request, response, { caller, callback });
    } catch (error) {
      const isOurs = !(error instanceof DomainError || error instanceof GraphQLError);
      answer(response, isOurs ? 500 : 400, { errors: refusalsOf(error, logger) });
    }
  };

  async function begin(
    request: Request,
    response: Response,
    { caller, callback }: { caller: Caller; callback: Callback },
  ): Promise<void> {
    const operation = liveOperation(schema, payloadOf(request.body));
    if (!("schema" in operation)) return answer(response, 400, { errors: operation });
    const line = lineOf(caller, callback);
    const started = await startLive(
      { ...operation, contextValue: newContext(caller, request) },
      logScope(),
      parts,
    );
    if (!isResults(started)) {
      line.end();
      return answer(response, 200, { data: null, ...started });
    }
    line.whenOver(() => void started.return());
    if (!(await line.say("check")))
      throw new BadUserInput(`${WHERE}.callbackUrl`, "Nobody there takes callbacks of this subscription.");
    answer(response, 200, { data: null });
    void follow(started, line);
  }

  function lineOf(caller: Caller, callback: Callback): RouterLine {
    const held = [...open.values()].filter(({ id }) => id === caller.id);
    if (held.length >= MOST_PER_CALLER)
      throw new RateLimited(`A caller has ${MOST_PER_CALLER} live subscriptions by callback at most.`);
    const line = new RouterLine(callback);
    open.set(line, caller);
    line.whenOver(() => open.delete(line));
    return line;
  }

  /** Says all that there is to say, until the source or the router ends it. */
  async function follow(results: Results, line: RouterLine): Promise<void> {
    line.startHeartbeat();
    try {
      for await (const payload of results) {
        metrics.told("callback", payload.errors);
        await line.say("next", { payload });
      }
      await line.say("complete");
    } catch (error) {
      const errors = refusalsOf(error, logger);
      metrics.told("callback", errors);
      await line.say("complete", { errors });
    } finally {
      line.end();
    }
  }

  function answer(response: Response, status: number, result: ExecutionResult): void {
    metrics.told("callback", result.errors);
    response
      .status(status)
      .set({ "cache-control": "no-store", "subscription-protocol": "callback/1.0" })
      .json(result);
  }

  return {
    route,
    count: () => open.size,
    /** Ends all with an error, by which whoever listens behind the router learns to come again. */
    async close(): Promise<void> {
      isClosed = true;
      const reason = toGraphQLError(new ServiceUnavailable(), logger);
      await Promise.all([...open.keys()].map((line) => line.leave([reason])));
    },
  };
}

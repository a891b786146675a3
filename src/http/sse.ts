import type { Request, RequestHandler, Response } from "express";
import type { ExecutionResult } from "graphql";
import { callerOf } from "../auth/token.ts";
import type { Config } from "../config.ts";
import { ServiceUnavailable } from "../errors.ts";
import { payloadOf } from "./live-operations.ts";
import { isResults, type LiveParts, openLive, type Results, refusalsOf } from "./live-results.ts";

const PATH = "/stream";
const EVENT_STREAM = "text/event-stream; charset=utf-8";
const KEEP_ALIVE_MS = 12_000;
/** A client that reads nothing for so long is given up. */
const LONGEST_WAIT_MS = 30_000;
/** A comment: it opens the stream in browsers that wait for a first byte, and keeps it open on the way. */
const SILENCE = ":\n\n";

/**
 * Live subscriptions as server-sent events, in graphql-sse's mode of one connection for each operation
 * (https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md#distinct-connections-mode): at `/stream`, or for
 * who accepts nothing else. What a client has not read yet holds back its source: nothing is queued.
 */
export function eventStreams(jwt: Config["jwt"], parts: LiveParts) {
  const open = new Set<Response>();
  let isClosed = false;

  const route: RequestHandler = async (request, response, next) => {
    if (!wantsStream(request)) return next();
    if (isClosed) throw new ServiceUnavailable();
    const started = await start(request);
    // whoever closes has not seen this one
    if (isClosed && isResults(started)) {
      void started.return();
      throw new ServiceUnavailable();
    }
    if (response.closed) return void (isResults(started) && started.return());
    open.add(response);
    response.once("close", () => {
      open.delete(response);
      if (isResults(started)) void started.return();
    });
    await stream(response, started);
  };

  async function start(request: Request): Promise<Results | ExecutionResult> {
    try {
      const payload = payloadOf(request.method === "GET" ? parameters(request) : Object(request.body));
      const caller = await callerOf(jwt, request.get("authorization"));
      return await openLive(parts, payload, () => parts.newContext(caller, request));
    } catch (error) {
      return { errors: refusalsOf(error, parts.logger) };
    }
  }

  async function stream(response: Response, started: Results | ExecutionResult): Promise<void> {
    response.status(200).set({
      "content-type": EVENT_STREAM,
      "cache-control": "no-store",
      "x-accel-buffering": "no", // nginx would collect what should arrive at once
    });
    response.write(SILENCE);
    const pings = setInterval(() => isWaiting(response) && response.write(SILENCE), KEEP_ALIVE_MS);
    try {
      for await (const result of each(started)) {
        parts.metrics.told("sse", result.errors);
        if (!(await send(response, "next", result))) return;
      }
      await send(response, "complete");
    } finally {
      clearInterval(pings);
      if (!response.writableEnded) response.end();
    }
  }

  /** All that is to be told; a source that fails ends with why. */
  async function* each(started: Results | ExecutionResult): AsyncGenerator<ExecutionResult> {
    if (!isResults(started)) return yield started;
    try {
      yield* started;
    } catch (error) {
      yield { errors: refusalsOf(error, parts.logger) };
    }
  }

  return {
    route,
    count: () => open.size,
    /** Ends all streams without saying that they are complete: clients come again. */
    close() {
      isClosed = true;
      for (const response of open) response.end();
    },
  };
}

function wantsStream(request: Request): boolean {
  if (request.method !== "GET" && request.method !== "POST") return false;
  return request.path === PATH || request.get("accept")?.trim().toLowerCase() === "text/event-stream";
}

/** What a GET says in its address. */
function parameters({ query }: Request): Record<string, unknown> {
  return { ...query, variables: typeof query.variables === "string" ? json(query.variables) : undefined };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const isOpen = (response: Response) => !response.writableEnded && !response.destroyed;
const isWaiting = (response: Response) => isOpen(response) && !response.writableNeedDrain;

/** Waits until the client has taken enough of what came before. False: it is gone. */
async function send(response: Response, event: string, data?: ExecutionResult): Promise<boolean> {
  if (!isOpen(response)) return false;
  if (response.write(`event: ${event}\ndata: ${data ? JSON.stringify(data) : ""}\n\n`)) return true;
  await new Promise<void>((resolve) => {
    const late = setTimeout(() => response.destroy(), LONGEST_WAIT_MS);
    const go = () => {
      clearTimeout(late);
      response.off("drain", go).off("close", go);
      resolve();
    };
    response.once("drain", go).once("close", go);
  });
  return isOpen(response);
}

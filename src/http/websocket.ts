import type { IncomingMessage, Server } from "node:http";
import { type ExecutionArgs, GraphQLError, type GraphQLSchema, subscribe } from "graphql";
import { handleProtocols, makeServer } from "graphql-ws";
import { WebSocketServer } from "ws";
import type { Caller } from "../auth/caller.ts";
import { callerOf } from "../auth/token.ts";
import type { Config } from "../config.ts";
import type { Context } from "../context.ts";
import { withCode } from "../format-error.ts";
import { type Logger, type LogScope, withLogScope } from "../logger.ts";
import { liveOperation } from "./live-operations.ts";
import { requestIds } from "./request-ids.ts";
import { type Extra, serveSockets } from "./sockets.ts";

const MAX_MESSAGE_BYTES = 64 * 1024;
/** Tells clients to connect again, elsewhere (RFC 6455: service restart). */
const RESTART_CODE = 1012;

/** What live subscriptions are made of. */
export interface LiveParts {
  schema: GraphQLSchema;
  newContext: (caller: Caller) => Context;
  logger: Logger;
}

/**
 * Live subscriptions over graphql-transport-ws (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md)
 * at the GraphQL path. Returns what closes them gracefully.
 */
export function serveWebSocket(
  server: Server,
  config: Config,
  { schema, newContext, logger }: LiveParts,
): () => Promise<void> {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, handleProtocols });
  server.on("upgrade", (request, socket, head) => {
    if (request.url?.split("?")[0] !== "/graphql") return socket.destroy();
    sockets.handleUpgrade(request, socket, head, (client) => sockets.emit("connection", client, request));
  });
  const coded = (errors: readonly GraphQLError[]) => errors.map((error) => withCode(error, logger));
  const ids = new WeakMap<object, LogScope>();
  const within = <T>({ contextValue }: ExecutionArgs, work: () => T) =>
    withLogScope(ids.get(contextValue as Context) ?? {}, work);
  const protocol = makeServer<Record<string, unknown>, Extra>({
    context: async ({ connectionParams, extra }) => {
      const context = newContext(await callerOf(config.jwt, tokenOf(connectionParams, extra.request)));
      ids.set(context, requestIds(extra.request.headers));
      return context;
    },
    onSubscribe: (_context, _id, payload) => liveOperation(schema, payload),
    subscribe: async (args) => {
      try {
        const events = await within(args, () => subscribe(args));
        return Symbol.asyncIterator in events ? eachWithin(events, (work) => within(args, work)) : events;
      } catch (error) {
        return { errors: [new GraphQLError(String(error), { originalError: error as Error })] };
      }
    },
    onNext: (_context, _id, _payload, args, result) =>
      within(args, () => result.errors && { ...result, errors: coded(result.errors) }),
    onError: (_context, _id, _payload, errors) => coded(errors),
  });
  serveSockets(sockets, protocol, logger);
  return async () => {
    for (const client of sockets.clients) client.close(RESTART_CODE, "the service restarts: connect again");
    await new Promise((resolve) => sockets.close(resolve));
  };
}

/** An operation has ids as a request has: in every log line and error of all that it ever does. */
function eachWithin<T>(
  events: AsyncGenerator<T, void, void>,
  within: <R>(work: () => R) => R,
): AsyncGenerator<T, void, void> {
  return {
    next: () => within(() => events.next()),
    return: () => within(() => events.return()),
    throw: (error) => within(() => events.throw(error)),
    [Symbol.asyncIterator]() {
      return this;
    },
    [Symbol.asyncDispose]: async () => void (await within(() => events.return())),
  };
}

/** The token as clients send it: in the connection's parameters, or as the header of the upgrade. */
function tokenOf(params: Record<string, unknown> | undefined, request: IncomingMessage): string | undefined {
  const given =
    params?.token ?? params?.authorization ?? params?.Authorization ?? request.headers.authorization;
  return typeof given === "string" ? given : undefined;
}

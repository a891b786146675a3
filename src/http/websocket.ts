import type { IncomingMessage, Server } from "node:http";
import { GraphQLError, type GraphQLSchema, subscribe } from "graphql";
import { handleProtocols, makeServer } from "graphql-ws";
import { WebSocketServer } from "ws";
import type { Caller } from "../auth/caller.ts";
import { callerOf } from "../auth/token.ts";
import type { Config } from "../config.ts";
import type { Context } from "../context.ts";
import { withCode } from "../format-error.ts";
import type { Logger } from "../logger.ts";
import { liveOperation } from "./live-operations.ts";
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
  const protocol = makeServer<Record<string, unknown>, Extra>({
    context: async ({ connectionParams, extra }) =>
      newContext(await callerOf(config.jwt, tokenOf(connectionParams, extra.request))),
    onSubscribe: (_context, _id, payload) => liveOperation(schema, payload),
    subscribe: async (args) => {
      try {
        return await subscribe(args);
      } catch (error) {
        return { errors: [new GraphQLError(String(error), { originalError: error as Error })] };
      }
    },
    onNext: (_context, _id, _payload, _args, result) =>
      result.errors ? { ...result, errors: coded(result.errors) } : undefined,
    onError: (_context, _id, _payload, errors) => coded(errors),
  });
  serveSockets(sockets, protocol, logger);
  return async () => {
    for (const client of sockets.clients) client.close(RESTART_CODE, "the service restarts: connect again");
    await new Promise((resolve) => sockets.close(resolve));
  };
}

/** The token as clients send it: in the connection's parameters, or as the header of the upgrade. */
function tokenOf(params: Record<string, unknown> | undefined, request: IncomingMessage): string | undefined {
  const given =
    params?.token ?? params?.authorization ?? params?.Authorization ?? request.headers.authorization;
  return typeof given === "string" ? given : undefined;
}

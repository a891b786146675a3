import type { IncomingMessage, Server } from "node:http";
import { type DocumentNode, GraphQLError, type GraphQLSchema, getOperationAST, Kind, parse } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";
import type { Caller } from "../auth/caller.ts";
import { callerOf } from "../auth/token.ts";
import type { Config } from "../config.ts";
import type { Context } from "../context.ts";

const MAX_MESSAGE_BYTES = 64 * 1024;
/** Tells clients to connect again, elsewhere (RFC 6455: service restart). */
const RESTART_CODE = 1012;

type Extra = { request: IncomingMessage } & Record<PropertyKey, unknown>;

/**
 * Live subscriptions over graphql-transport-ws (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md)
 * at the GraphQL path. Returns what closes them gracefully.
 */
export function serveWebSocket(
  server: Server,
  schema: GraphQLSchema,
  config: Config,
  newContext: (caller: Caller) => Context,
): () => Promise<void> {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  server.on("upgrade", (request, socket, head) => {
    if (request.url?.split("?")[0] !== "/graphql") return socket.destroy();
    sockets.handleUpgrade(request, socket, head, (client) => sockets.emit("connection", client, request));
  });
  const served = useServer<Record<string, unknown>, Extra>(
    {
      schema,
      context: async ({ connectionParams, extra }) =>
        newContext(await callerOf(config.jwt, tokenOf(connectionParams, extra.request))),
      onSubscribe: (_context, _id, { query, operationName }) => subscriptionsOnly(query, operationName),
    },
    sockets,
  );
  return async () => {
    for (const client of sockets.clients) client.close(RESTART_CODE, "the service restarts: connect again");
    await served.dispose();
  };
}

/** The token as clients send it: in the connection's parameters, or as the header of the upgrade. */
function tokenOf(params: Record<string, unknown> | undefined, request: IncomingMessage): string | undefined {
  const given =
    params?.token ?? params?.authorization ?? params?.Authorization ?? request.headers.authorization;
  return typeof given === "string" ? given : undefined;
}

/** Queries and mutations belong to HTTP, where their limits and measures are. */
function subscriptionsOnly(
  query: string,
  operationName: string | null | undefined,
): GraphQLError[] | undefined {
  const operation = getOperationAST(parseOrEmpty(query), operationName);
  if (!operation || operation.operation === "subscription") return undefined;
  return [
    new GraphQLError("Send queries and mutations over HTTP.", { extensions: { code: "BAD_USER_INPUT" } }),
  ];
}

/** What cannot be parsed is refused by the server behind, with its own words. */
function parseOrEmpty(query: string): DocumentNode {
  try {
    return parse(query, { noLocation: true });
  } catch {
    return { kind: Kind.DOCUMENT, definitions: [] };
  }
}

import type { IncomingMessage, Server } from "node:http";
import type { ExecutionArgs } from "graphql";
import { handleProtocols, makeServer } from "graphql-ws";
import { WebSocketServer } from "ws";
import { callerOf } from "../auth/token.ts";
import type { Config } from "../config.ts";
import type { Context } from "../context.ts";
import { RateLimited } from "../errors.ts";
import { toGraphQLError, withCode } from "../format-error.ts";
import type { LogScope } from "../logger.ts";
import { Held, MOST_SOCKETS } from "./held.ts";
import { liveOperation } from "./live-operations.ts";
import { type LiveParts, startLive } from "./live-results.ts";
import { requestIds } from "./request-ids.ts";
import { type Extra, serveSockets } from "./sockets.ts";

const MAX_MESSAGE_BYTES = 64 * 1024;
const MAX_OPERATIONS = 100;
/** Who has not said goodbye by then does not. */
const GOODBYE_MS = 2_000;
/** As graphql-ws has it for more than one init: too many. */
const TOO_MANY_CODE = 4429;
/** Tells clients to connect again, elsewhere (RFC 6455: service restart). */
const RESTART_CODE = 1012;

/** The connections that are open. */
export interface Sockets {
  count(): number;
  /** Closes them so that clients connect again. */
  close(): Promise<void>;
}

/**
 * Live subscriptions over graphql-transport-ws (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md)
 * at the GraphQL path.
 */
export function serveWebSocket(server: Server, config: Config, parts: LiveParts): Sockets {
  const { schema, newContext, logger, metrics } = parts;
  const connections = new Held(MOST_SOCKETS, `A caller has ${MOST_SOCKETS} connections at most.`);
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, handleProtocols });
  server.on("upgrade", (request, socket, head) => {
    if (request.url?.split("?")[0] !== "/graphql") return socket.destroy();
    sockets.handleUpgrade(request, socket, head, (client) => sockets.emit("connection", client, request));
  });
  const ids = new WeakMap<object, LogScope>();
  const idsOf = ({ contextValue }: ExecutionArgs) => ids.get(contextValue as Context) ?? {};
  const protocol = makeServer<Record<string, unknown>, Extra>({
    async onConnect({ connectionParams, extra }) {
      const caller = await callerOf(config.jwt, tokenOf(connectionParams, extra.request));
      try {
        extra.letGo = connections.take(newContext(caller, extra.request).countedAs);
      } catch (error) {
        extra.close(TOO_MANY_CODE, (error as Error).message);
        return false;
      }
      // one that has been closed meanwhile is told of no more
      if (extra.isClosed()) extra.letGo();
      return true;
    },
    onClose: ({ extra }) => extra.letGo?.(),
    context: async ({ connectionParams, extra }) => {
      const caller = await callerOf(config.jwt, tokenOf(connectionParams, extra.request));
      const context = newContext(caller, extra.request);
      ids.set(context, requestIds(extra.request.headers));
      return context;
    },
    onSubscribe: ({ subscriptions }, _id, payload) =>
      Object.keys(subscriptions).length > MAX_OPERATIONS
        ? [toGraphQLError(new RateLimited(`A connection has ${MAX_OPERATIONS} operations at most.`), logger)]
        : liveOperation(schema, payload),
    subscribe: (args) => startLive(args, idsOf(args), parts),
    onNext: (_context, _id, _payload, _args, { errors }) => metrics.told("websocket", errors),
    onError: (_context, _id, _payload, errors) => {
      const told = errors.map((error) => withCode(error, logger));
      metrics.told("websocket", told);
      return told;
    },
  });
  serveSockets(sockets, protocol, logger);
  return {
    count: () => sockets.clients.size,
    async close() {
      for (const client of sockets.clients) client.close(RESTART_CODE, "the service restarts: connect again");
      const late = setTimeout(() => {
        for (const client of sockets.clients) client.terminate();
      }, GOODBYE_MS);
      await new Promise((resolve) => sockets.close(resolve));
      clearTimeout(late);
    },
  };
}

/** The token as clients send it: in the connection's parameters, or as the header of the upgrade. */
function tokenOf(params: Record<string, unknown> | undefined, request: IncomingMessage): string | undefined {
  const given =
    params?.token ?? params?.authorization ?? params?.Authorization ?? request.headers.authorization;
  return typeof given === "string" ? given : undefined;
}

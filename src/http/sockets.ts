import type { IncomingMessage } from "node:http";
import { CloseCode, type Server } from "graphql-ws";
import type { WebSocket, WebSocketServer } from "ws";
import type { Logger } from "../logger.ts";

const KEEP_ALIVE_MS = 12_000;
/** What may wait for a client that does not read; of each operation one message waits at most. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** What graphql-ws keeps of a connection. */
export type Extra = {
  request: IncomingMessage;
  close(code: number, reason: string): void;
  isClosed(): boolean;
  /** Lets go of what the connection holds, once it is somebody's. */
  letGo?: () => void;
} & Record<PropertyKey, unknown>;

/**
 * Speaks graphql-ws's protocol on the connections of a WebSocket server, as its own adapter does; but what goes wrong
 * becomes a line of our log, where that one prints stacks on the console.
 */
export function serveSockets(sockets: WebSocketServer, protocol: Server<Extra>, logger: Logger): void {
  sockets.on("connection", (socket, request) => {
    const stopPings = keepAlive(socket);
    const givenUp = (reason: string) => logger.info({ reason }, "a live connection was given up");
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        send: (text) => {
          if (isStuck(socket)) {
            givenUp("it does not read");
            socket.terminate();
          }
          return send(socket, text);
        },
        close: (code, reason) => socket.close(code, reason),
        onMessage: (take) =>
          socket.on("message", (data) => {
            take(String(data)).catch((error: unknown) => {
              logger.error({ err: error }, "a message of a live connection could not be handled");
              socket.close(CloseCode.InternalServerError, "Internal server error");
            });
          }),
      },
      {
        request,
        close: (code, reason) => socket.close(code, reason),
        isClosed: () => socket.readyState === socket.CLOSED,
      },
    );
    // too large, not masked, not UTF-8, cut: ws closes the connection by itself, with the code that says why
    socket.on("error", ({ message }) => givenUp(message));
    socket.once("close", (code, reason) => {
      stopPings();
      closed(code, String(reason)).catch((error: unknown) =>
        logger.error({ err: error }, "a live connection did not end well"),
      );
    });
  });
}

const isStuck = (socket: WebSocket) =>
  socket.readyState === socket.OPEN && socket.bufferedAmount > MAX_WAITING_BYTES;

/** Settles when the message has left us, so that a slow client slows down its sources. */
function send(socket: WebSocket, text: string): Promise<void> {
  if (socket.readyState !== socket.OPEN) return Promise.resolve();
  return new Promise((resolve, reject) => {
    socket.send(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** Pings, and gives up a client that has not answered the last one. */
function keepAlive(socket: WebSocket): () => void {
  let hasAnswered = true;
  socket.on("pong", () => {
    hasAnswered = true;
  });
  const pings = setInterval(() => {
    if (!hasAnswered) return socket.terminate();
    if (socket.readyState !== socket.OPEN) return;
    hasAnswered = false;
    socket.ping();
  }, KEEP_ALIVE_MS);
  return () => clearInterval(pings);
}

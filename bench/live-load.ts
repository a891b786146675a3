import { once } from "node:events";
import { WebSocket } from "ws";

/** What a client subscribes to: what both servers have. */
const QUERY = "subscription { paymentEvents { id type } }";

/** Clients of a server, each somebody else, each with one live subscription. */
export interface Clients {
  /** Resolves when so many events have come since it was called, with when the last one came. */
  delivered(count: number): Promise<number>;
  /** @throws Error when an event has come to somebody else, or a connection has ended */
  check(): void;
  close(): void;
}

/** Connects them, fifty at a time. */
export async function connect(
  url: string,
  tokens: readonly string[],
  isTheirs: (client: number, id: string) => boolean,
  said: (count: number) => void,
): Promise<Clients> {
  const faults: string[] = [];
  let seen = 0;
  let wanted = { count: Number.POSITIVE_INFINITY, reached: (_at: number) => {} };
  const take = (client: number, text: string) => {
    const { type, payload } = JSON.parse(text);
    if (type === "connection_ack") return;
    if (type !== "next" || payload.errors) return void faults.push(text);
    if (!isTheirs(client, payload.data.paymentEvents.id)) faults.push(`${client} has seen ${text}`);
    if (++seen === wanted.count) wanted.reached(performance.now());
  };
  const sockets: WebSocket[] = [];
  const open = async (client: number) => {
    const socket = new WebSocket(`${url.replace("http", "ws")}/graphql`, "graphql-transport-ws");
    sockets.push(socket);
    await once(socket, "open");
    socket.on("message", (data) => take(client, String(data)));
    socket.on("close", (code) => faults.push(`closed with ${code}`));
    socket.send(JSON.stringify({ type: "connection_init", payload: { token: tokens[client] } }));
    await once(socket, "message");
    socket.send(JSON.stringify({ id: "1", type: "subscribe", payload: { query: QUERY } }));
  };
  const waiting = [...tokens.keys()];
  let opened = 0;
  const one = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await open(next);
      said(++opened);
    }
  };
  await Promise.all(Array.from({ length: 50 }, one));
  return {
    delivered: (count) =>
      new Promise((reached) => {
        wanted = { count: seen + count, reached };
      }),
    check() {
      if (faults.length > 0) throw new Error(`${faults.length} went wrong, the first: ${faults[0]}`);
    },
    close() {
      for (const socket of sockets) socket.removeAllListeners("close").terminate();
    },
  };
}

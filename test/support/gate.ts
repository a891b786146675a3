import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A way to a server of this machine that can be shut, or held up. */
export interface Gate {
  readonly port: number;
  open(): void;
  /** Connections are cut and refused, as when the server is gone. */
  shut(): void;
  /** Connections stay, and nothing that is sent arrives until {@link Gate.open}. */
  hold(): void;
  close(): Promise<void>;
}

/** Opens a gate to a port of the loopback address; one that moves is asked for at each connection. */
export async function openGate(target: number | (() => number)): Promise<Gate> {
  const pairs = new Set<[client: Socket, upstream: Socket]>();
  let state: "open" | "shut" | "held" = "open";
  const server: Server = createServer((client) => {
    if (state === "shut") return client.destroy();
    const upstream = connect(typeof target === "number" ? target : target(), "127.0.0.1");
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    upstream.pipe(client);
    if (state === "open") client.pipe(upstream);
    client.on("error", () => {}).on("close", () => upstream.destroy());
    upstream
      .on("error", () => {})
      .on("close", () => {
        client.destroy();
        pairs.delete(pair);
      });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => {
    for (const [client] of pairs) client.destroy();
  };
  return {
    port: (server.address() as { port: number }).port,
    open: () => {
      if (state === "held") for (const [client, upstream] of pairs) client.pipe(upstream);
      state = "open";
    },
    shut: () => {
      state = "shut";
      cut();
    },
    hold: () => {
      state = "held";
      for (const [client, upstream] of pairs) client.unpipe(upstream).pause();
    },
    close: async () => {
      cut();
      server.close();
    },
  };
}

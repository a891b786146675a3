import http from "node:http";
import type { AddressInfo } from "node:net";

/** A webhook delivery as it arrived. */
export interface Received {
  body: string;
  signature: string;
  event: { id: string; type: string; pending_webhooks: number; api_version: string };
}

/** A web server that receives events, and answers as it is told. */
export class Receiver {
  readonly received: Received[] = [];
  /** The status for the n-th delivery (from 0), at once or when something else has happened. */
  answer: (n: number) => number | Promise<number> = () => 200;
  private readonly server: http.Server;

  private constructor(server: http.Server) {
    this.server = server;
  }

  static async start(): Promise<Receiver> {
    const server = http.createServer();
    const receiver = new Receiver(server);
    server.on("request", (request: http.IncomingMessage, response: http.ServerResponse) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        const signature = String(request.headers["stripe-signature"]);
        const answer = receiver.answer(receiver.received.length);
        receiver.received.push({ body, signature, event: JSON.parse(body) });
        void Promise.resolve(answer).then((status) => response.writeHead(status).end("noted"));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }

  get types(): string[] {
    return this.received.map(({ event }) => event.type);
  }

  /** Resolves once so many deliveries have come. */
  async count(wanted: number, withinMs = 5000): Promise<void> {
    const end = Date.now() + withinMs;
    while (this.received.length < wanted) {
      if (Date.now() > end)
        throw new Error(`${this.received.length} of ${wanted} deliveries came: ${this.types}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

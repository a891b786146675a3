import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import type { Answer, TestService } from "./service.ts";

export const ROUTER_SECRET = "the secret of the suite's router";

/** What the service posts to a router. */
export interface Said {
  kind: string;
  action: "check" | "next" | "complete";
  id: string;
  verifier: string;
  payload?: Answer;
  errors?: NonNullable<Answer["errors"]>;
}

/** A router as the callback protocol has it: it listens, and says of each message whether it takes it. */
export interface TestRouter {
  origin: string;
  /** What the service needs to talk to it. */
  env: NodeJS.ProcessEnv;
  /** Every request that has come, of whatever kind. */
  heard: { method: string; headers: IncomingHttpHeaders; said: Said }[];
  /** How it answers; as long as this waits, so does the service. */
  answer: (said: Said) => number | Promise<number>;
  /** What was said of one subscription, heartbeats left out. */
  told(id: string): Said[];
  /** Asks the service for a subscription, as a router does. */
  subscribe(service: Pick<TestService, "url">, asked: Asked): Promise<Subscribed>;
  close(): void;
}

export interface Asked {
  query: string;
  variables?: object;
  token?: string;
  /** What differs from the extension as it should be. */
  extension?: object;
  headers?: Record<string, string>;
}

export interface Subscribed {
  id: string;
  status: number;
  headers: Headers;
  answer: Answer;
}

export async function startRouter(): Promise<TestRouter> {
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const said = JSON.parse(Buffer.concat(chunks).toString() || "{}") as Said;
    router.heard.push({ method: request.method ?? "", headers: request.headers, said });
    const status = await router.answer(said);
    response.writeHead(status, {
      "subscription-protocol": "callback/1.0",
      ...(status === 302 && { location: `${router.origin}/elsewhere` }),
    });
    response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const router: TestRouter = {
    origin,
    env: { ROUTER_SECRET, CALLBACK_ORIGINS: origin },
    heard: [],
    answer: () => 204,
    told: (id) =>
      router.heard.map(({ said }) => said).filter((said) => said.id === id && said.action !== "check"),
    async subscribe({ url }, { query, variables, token, extension, headers }) {
      const id = randomUUID();
      const subscription = {
        ...{ callbackUrl: `${origin}/callback/${id}`, subscriptionId: id, verifier: `of ${id}` },
        ...{ heartbeatIntervalMs: 0, ...extension },
      };
      const response = await fetch(`${url}/graphql`, {
        method: "POST",
        headers: {
          ...{ "content-type": "application/json", accept: "application/json;callbackSpec=1.0" },
          ...{ "router-secret": ROUTER_SECRET, ...(token && { authorization: `Bearer ${token}` }) },
          ...headers,
        },
        body: JSON.stringify({ query, variables, extensions: { subscription } }),
      });
      const answer = (await response.json()) as Answer;
      return { id, answer, status: response.status, headers: response.headers };
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
  return router;
}

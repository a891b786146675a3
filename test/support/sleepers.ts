import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { WebSocket } from "ws";
import type { TestRouter } from "./router.ts";
import { type Answer, eventually, type TestService } from "./service.ts";

/** A client that asks for events, and reads nothing until it is told to. */
export interface Sleeper {
  /** The ids that have come, after it woke up. */
  wake(): Promise<string[]>;
}

type Payload = { query: string; variables: object };
const idOf = (answer: Answer) => answer.data.paymentEvents.f0 as string;

type Sleep = (service: TestService, token: string, payload: Payload, count: number) => Promise<Sleeper>;

/** Every way on which live events come, by a client that is slow; the callback's asks the router that is given. */
export const sleepers = (router: () => TestRouter): [string, Sleep][] => [
  [
    "WebSocket",
    async (service, token, payload, count) => {
      const socket = new WebSocket(`${service.url.replace("http", "ws")}/graphql`, "graphql-transport-ws");
      await once(socket, "open");
      socket.send(JSON.stringify({ type: "connection_init", payload: { token } }));
      await once(socket, "message");
      socket.pause();
      socket.send(JSON.stringify({ id: "1", type: "subscribe", payload }));
      const ids: string[] = [];
      socket.on("message", (data) => ids.push(idOf(JSON.parse(String(data)).payload)));
      return {
        async wake() {
          socket.resume();
          await eventually(
            () => ids.length,
            (length) => length >= count,
          );
          socket.close();
          return ids;
        },
      };
    },
  ],
  [
    "server-sent events",
    async (service, token, payload, count) => {
      const request = httpRequest(`${service.url}/graphql/stream`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      });
      request.end(JSON.stringify(payload));
      const [response] = await once(request, "response");
      return {
        async wake() {
          let text = "";
          response.on("data", (chunk: Buffer) => {
            text += chunk;
          });
          const told = () => [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, data]) => data as string);
          await eventually(
            () => text.match(/^data: .*\n\n/gm)?.length ?? 0,
            (length) => length >= count,
          );
          request.destroy();
          return told().map((data) => idOf(JSON.parse(data)));
        },
      };
    },
  ],
  [
    "callback",
    async (service, token, payload, count) => {
      let wake = () => {};
      const awake = new Promise<void>((resolve) => {
        wake = resolve;
      });
      router().answer = ({ action }) => (action === "next" ? awake.then(() => 204) : 204);
      const { id } = await router().subscribe(service, { ...payload, token });
      return {
        async wake() {
          expect(router().told(id).length).toBeLessThanOrEqual(1);
          wake();
          await eventually(
            () => router().told(id).length,
            (length) => length >= count,
          );
          router().answer = () => 404;
          return router()
            .told(id)
            .flatMap((said) => (said.payload ? [idOf(said.payload)] : []));
        },
      };
    },
  ],
];

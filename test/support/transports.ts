import { type Answer, collect, eventually, type TestService } from "./service.ts";

/** What came first of an operation: its first answer, or why there is none. */
export type First = Pick<Answer, "errors"> & { data?: Answer["data"] };
export type Operation = "query" | "subscription";

/** One way to the service. */
export interface Transport {
  operation: Operation;
  first(service: TestService, document: string, token?: string): Promise<First>;
}

/** Every way on which an operation may come. */
export const TRANSPORTS: Record<string, Transport> = {
  HTTP: { operation: "query", first: (service, document, token) => service.ask(document, {}, token) },
  WebSocket: {
    operation: "subscription",
    async first(service, document, token) {
      const live = collect(service.live(token), document);
      await eventually(
        () => live.results.length > 0 || live.ended() !== undefined,
        (isAnswered) => isAnswered,
      );
      live.stop();
      return live.results[0] ?? { errors: live.failure() as Answer["errors"] & {} };
    },
  },
};

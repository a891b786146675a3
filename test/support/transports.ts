import { createClient } from "graphql-sse";
import type { TestRouter } from "./router.ts";
import { type Answer, collect, eventually, type TestService } from "./service.ts";

/** What a live subscription has delivered so far, and how it ended. */
export interface Delivered {
  results: Answer[];
  ended(): "completed" | "failed" | undefined;
  failure(): unknown;
  stop(): void;
}

/** One way on which live subscriptions come. */
export type LiveTransport = (
  service: TestService,
  document: string,
  options: { token?: string; variables?: Record<string, unknown>; url?: string },
) => Delivered;

const overWebSocket: LiveTransport = (service, document, { token, variables, url = service.url }) =>
  collect(service.at(url).live(token), document, { ...(variables && { variables }) });

const overSse: LiveTransport = (service, document, { token, variables, url = service.url }) => {
  const client = createClient({
    url: `${url}/graphql/stream`,
    headers: { ...(token && { authorization: `Bearer ${token}` }) },
    retryAttempts: 0,
  });
  return collect(client as never, document, { ...(variables && { variables }) });
};

const overCallback =
  (router: TestRouter): LiveTransport =>
  (service, document, { token, variables, url = service.url }) => {
    const delivered: Answer[] = [];
    let end: { errors?: Answer["errors"] } | undefined;
    let id: string | undefined;
    const take = () => {
      const told = id === undefined ? [] : router.told(id);
      for (const { payload } of told.slice(delivered.length)) if (payload) delivered.push(payload);
      end ??= told.find(({ action }) => action === "complete");
    };
    const asked = {
      query: document,
      extension: { heartbeatIntervalMs: 1_000 },
      ...(variables && { variables }),
      ...(token && { token }),
    };
    void router.subscribe({ url }, asked).then((subscribed) => {
      if (subscribed.answer.errors) end = subscribed.answer;
      else id = subscribed.id;
    });
    return {
      get results() {
        take();
        return delivered;
      },
      ended() {
        take();
        return end && (end.errors ? "failed" : "completed");
      },
      failure: () => end?.errors,
      stop: () => {
        const { answer } = router;
        router.answer = (said) => (said.id === id ? 404 : answer(said));
      },
    };
  };

/** Every way on which live subscriptions come. */
export const liveTransports = (router: () => TestRouter): Record<string, LiveTransport> => ({
  WebSocket: overWebSocket,
  "server-sent events": overSse,
  callback: (...asked) => overCallback(router())(...asked),
});

/** How a live subscription ended: by a refusal, or with none. */
export async function refusalOf(live: Delivered): Promise<NonNullable<Answer["errors"]>[number] | undefined> {
  await eventually(live.ended, (end) => end !== undefined);
  const { errors } = live.results.at(-1) ?? {};
  return errors?.[0] ?? (live.failure() as Answer["errors"])?.[0];
}

/** What came first of a live subscription: its first answer, or why there is none. */
export async function first(live: Delivered): Promise<Partial<Answer>> {
  await eventually(
    () => live.results.length > 0 || live.ended() !== undefined,
    (isAnswered) => isAnswered,
  );
  live.stop();
  return live.results[0] ?? { errors: live.failure() as Answer["errors"] & {} };
}

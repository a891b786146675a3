import { createRequire } from "node:module";
import { join } from "node:path";
import type { Question } from "./access-workloads.ts";
import { PEERS } from "./peers.ts";

export interface Load {
  seconds: number;
  /** How many milliseconds each answer took. */
  times: number[];
}

/** What of autocannon is used; its packages are the peers'. */
type Autocannon = (options: object) => PromiseLike<{ errors: number; timeouts: number; non2xx: number }> & {
  on(event: "response", heard: (client: unknown, status: number, bytes: number, ms: number) => void): void;
};

export interface Target {
  url: string;
  /** Whether it has a route for each question, in place of one GraphQL path. */
  hasRoutes: boolean;
}

const CONNECTIONS = 32;

/**
 * Asks over 32 connections, each with one question under way at a time and a share of the questions of its own.
 * @param isOnce ends when each question has been asked once, should that be sooner
 * @throws Error when a single answer is a failure
 */
export async function load(
  { url, hasRoutes }: Target,
  questions: readonly Question[],
  seconds: number,
  isOnce = false,
): Promise<Load> {
  const autocannon = createRequire(join(PEERS, "package.json"))("autocannon") as Autocannon;
  const times: number[] = [];
  let faults = 0;
  let client = 0;
  const run = autocannon({
    ...{ url, connections: CONNECTIONS, duration: seconds, sampleInt: 100 },
    ...(isOnce && { maxOverallRequests: questions.length }),
    setupClient(connection: { setRequests(requests: object[]): void }) {
      const share = shareOf(questions, client++ % CONNECTIONS);
      connection.setRequests(
        share.map(({ route, body, token }) => ({
          ...{ method: "POST", path: hasRoutes ? route : "/graphql", body },
          headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
        })),
      );
    },
    verifyBody(body: string) {
      const isGood = !body.includes('"errors"');
      if (!isGood) faults++;
      return isGood;
    },
  });
  run.on("response", (_client, _status, _bytes, ms) => times.push(ms));
  const began = performance.now();
  const { errors, timeouts, non2xx } = await run;
  const took = (performance.now() - began) / 1_000;
  if (errors + timeouts + non2xx + faults > 0)
    throw new Error(`${url}: ${JSON.stringify({ errors, timeouts, non2xx, faults })}`);
  return { seconds: took, times };
}

/** Every 32nd question; where there are fewer than connections, all of them, each beginning at another. */
function shareOf(questions: readonly Question[], connection: number): Question[] {
  if (questions.length < CONNECTIONS * 2) {
    const at = connection % questions.length;
    return [...questions.slice(at), ...questions.slice(0, at)];
  }
  return questions.filter((_, n) => n % CONNECTIONS === connection);
}

import type { Sandbox } from "../../sandbox/index.ts";
import { judge, SKIPPED } from "../../sandbox/test/support/judge.ts";

interface LoggedRequest {
  method: string;
  path: string;
  params: object;
  userAgent: string;
}

if (!judge) process.stdout.write(`what the service asks of Stripe is not judged: ${SKIPPED}\n`);

/** What Stripe's description has against the requests that the service itself (not a test) has made of this sandbox. */
export async function faultsOfRequests(sandbox: Sandbox): Promise<string[]> {
  if (!judge) return [];
  const answer = await fetch(`${sandbox.url}/sandbox/requests`);
  const { requests } = (await answer.json()) as { requests: LoggedRequest[] };
  const found = requests
    .filter(({ userAgent }) => userAgent.includes("cloudmastershub-payment-service"))
    .flatMap(({ method, path, params }) =>
      judge!.request(method, path, params).map((fault) => `${method} ${path}: ${fault}`),
    );
  return [...new Set(found)];
}

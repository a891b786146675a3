import Stripe from "stripe";
import type { Metrics } from "../metrics.ts";
import type { CallBudget } from "./budget.ts";
import { callScope } from "./call-scope.ts";

type Client = ReturnType<typeof Stripe.createNodeHttpClient>;
type Request = Client["makeRequest"];
type Response = Awaited<ReturnType<Request>>;

/**
 * stripe-node's own HTTP client, kept within the budget: each request, pages of lists and retries included, takes a
 * call first and ends by the deadline. Answers of 429 (too many calls, or an object that is locked) are marked as
 * worth retrying, which stripe-node does with growing, jittered pauses only when Stripe says so.
 */
export function budgetedHttpClient(budget: CallBudget, metrics: Metrics): Client {
  const client = Stripe.createNodeHttpClient();
  const makeRequest: Request = async (...request) => {
    const { urgency, deadline } = callScope();
    const waitedMs = await budget.take(urgency, deadline);
    if (waitedMs === null) {
      metrics.stripeBudgetSpent.inc({ urgency });
      throw new Error("The budget of calls to Stripe is spent.");
    }
    metrics.stripeBudgetWait.observe({ urgency }, waitedMs / 1000);
    const timeout = request[7];
    request[7] = Math.max(1, Math.min(timeout, deadline - Date.now()));
    return retryable(await client.makeRequest(...request));
  };
  return Object.assign(Object.create(client) as Client, { makeRequest });
}

function retryable(response: Response): Response {
  if (response.getStatusCode() !== 429) return response;
  const headers = { ...response.getHeaders(), "stripe-should-retry": "true" };
  return Object.assign(Object.create(response) as Response, { getHeaders: () => headers });
}

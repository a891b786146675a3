import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { CREATE_CHECKOUT, checkoutInput, STATUS } from "./checkout.ts";
import { type Answer, newUser, type TestService } from "./service.ts";

/** More often than the replicas' keep-alive and the balancer's looks, and a load that two cores can bear. */
const QUERY_MS = 50;
const SUBSCRIBE_MS = 500;

/** Requests that come steadily until they are stopped. */
export interface Load {
  /** Who has subscribed so far. */
  readonly learners: readonly string[];
  /** Makes somebody a subscriber; whatever goes wrong on the way is among the failures. */
  subscribe(userId: string): Promise<void>;
  /** How many requests were made, and what was wrong with any. */
  stop(): Promise<{ asked: number; failures: string[] }>;
}

/**
 * Clients that ask one thing after the other, each on a connection that it keeps: two with queries, and one with
 * learners who open a Checkout page and pay, each of which brings a burst of webhooks.
 */
export async function startLoad(service: TestService, url: string): Promise<Load> {
  const learners: string[] = [];
  const failures: string[] = [];
  let asked = 0;
  let isStopping = false;
  const input = await checkoutInput(service);

  function client() {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    return async (query: string, variables: object, token: string): Promise<Answer["data"]> => {
      asked++;
      try {
        const { status, text } = await post(agent, `${url}/graphql`, { query, variables }, token);
        const answer = JSON.parse(text) as Answer;
        if (status !== 200 || answer.errors) throw new Error(`${status} ${text}`);
        return answer.data;
      } catch (error) {
        failures.push(String(error));
      }
    };
  }

  async function querying() {
    const ask = client();
    const token = await service.token(newUser());
    while (!isStopping) {
      await ask("{ plans { id name } }", {}, token);
      await ask(STATUS, {}, token);
      await pause(QUERY_MS);
    }
  }

  const subscriber = client();
  async function subscribe(userId: string) {
    const data = await subscriber(CREATE_CHECKOUT, { input }, await service.token(userId));
    if (!data) return;
    await service.pay(data.createCheckoutSession.id);
    learners.push(userId);
  }
  async function subscribing() {
    while (!isStopping) {
      await subscribe(newUser());
      await pause(SUBSCRIBE_MS);
    }
  }

  const running = [querying(), querying(), subscribing()];
  return {
    ...{ learners, subscribe },
    async stop() {
      isStopping = true;
      await Promise.all(running);
      return { asked, failures };
    },
  };
}

function post(agent: Agent, url: string, body: object, token: string) {
  return new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    const sent = request(url, { agent, method: "POST", headers }, (response) => {
      let text = "";
      response.on("data", (part) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode, text }));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(JSON.stringify(body));
  });
}

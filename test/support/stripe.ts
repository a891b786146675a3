import Stripe from "stripe";
import type { TestService } from "./service.ts";

/** Stripe as somebody else's program or the dashboard would use it: straight at the sandbox. */
export function stripeOf(service: Pick<TestService, "sandbox">): Stripe {
  const { port } = service.sandbox;
  return new Stripe("sk_test_suite", { host: "127.0.0.1", port, protocol: "http", telemetry: false });
}

/** Turns faults of the sandbox on; `{ reset: true }` ends them. */
export async function setFaults(service: Pick<TestService, "sandbox">, faults: object): Promise<void> {
  await fetch(`${service.sandbox.url}/sandbox/faults`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(faults),
  });
}

/** What banks, networks and holders do: one of the sandbox's own paths. */
export async function atSandbox(
  service: Pick<TestService, "sandbox">,
  path: string,
  body: object,
): Promise<void> {
  const answer = await fetch(`${service.sandbox.url}/sandbox/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

/** The Stripe customer of a user. */
export async function customerOf(service: Pick<TestService, "app">, userId: string): Promise<string> {
  const [row] = await service.app.parts.orm.em
    .fork()
    .execute<{ stripe_customer_id: string }[]>("select stripe_customer_id from customers where user_id = ?", [
      userId,
    ]);
  return String(row?.stripe_customer_id);
}

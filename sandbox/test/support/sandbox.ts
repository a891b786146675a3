import Stripe from "stripe";
import { OWN_FAULT } from "../../errors.ts";
import { decodeForm } from "../../form.ts";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../index.ts";
import { eventually } from "./eventually.ts";
import { judge } from "./judge.ts";

/** The judge's list of codes is open, and does not have this one yet. */
function isNewerThanTheJudge(answer: unknown): boolean {
  return (answer as { error?: { code?: string } }).error?.code === "payment_method_types_no_longer_supported";
}

/** One call that stripe-node made, and what came back. */
interface Exchange {
  method: string;
  path: string;
  params: object;
  status: number;
  answer: unknown;
  headers: Headers;
}

/** A delivery as `GET /sandbox/deliveries` shows it. */
interface ShownDelivery {
  event: string;
  state: string;
  attempts: { status: number | null; error: string | null }[];
}

/** A sandbox, an unmodified stripe-node that talks to it, and a record of all they said. */
export class TestSandbox {
  readonly sandbox: Sandbox;
  readonly stripe: Stripe;
  readonly exchanges: Exchange[] = [];
  private readonly completions: { status: number; body: object }[] = [];
  private readonly log: string[];

  /** @param log what the sandbox has said, in which nothing may tell of a failure of its own */
  constructor(sandbox: Sandbox, log: string[] = []) {
    this.sandbox = sandbox;
    this.log = log;
    this.stripe = this.client();
  }

  get url(): string {
    return this.sandbox.url;
  }

  client(options: Stripe.StripeConfig = {}): Stripe {
    return new Stripe("sk_test_sandbox", {
      host: "127.0.0.1",
      port: this.sandbox.port,
      protocol: "http",
      telemetry: false,
      httpClient: Stripe.createFetchHttpClient((url: string | URL | Request, init?: RequestInit) =>
        this.recorded(url, init),
      ),
      ...options,
    });
  }

  /** The latest exchange. */
  get last(): Exchange {
    return this.exchanges.at(-1)!;
  }

  /** A POST to one of the sandbox's own paths. */
  async control(path: string, body: object): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`${this.url}/sandbox${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  advance(time: { days?: number; hours?: number; seconds?: number }) {
    return this.control("/advance", time);
  }

  async complete(session: string, payment_method: string, more: Record<string, string> = {}) {
    const response = await fetch(`${this.url}/sandbox/checkout/sessions/${session}/complete`, {
      method: "POST",
      body: new URLSearchParams({ payment_method, ...more }),
    });
    const body = (await response.json()) as Stripe.Checkout.Session & { error?: Stripe.StripeRawError };
    this.completions.push({ status: response.status, body });
    return { status: response.status, body };
  }

  /** What one of the sandbox's own paths shows. */
  async shown<T>(path: string): Promise<T> {
    return (await fetch(`${this.url}/sandbox${path}`)).json() as Promise<T>;
  }

  /** Each delivery so far, oldest first. */
  async deliveries(): Promise<ShownDelivery[]> {
    return (await this.shown<{ deliveries: ShownDelivery[] }>("/deliveries")).deliveries;
  }

  /** Resolves once so many calls have come that are not answered yet. */
  async held(count: number): Promise<void> {
    await eventually(
      async () => (await this.shown<{ requests: { status: number | null }[] }>("/requests")).requests,
      (requests) => requests.filter(({ status }) => status === null).length === count,
    );
  }

  /** What the log tells of failures of the sandbox itself: a test that expects some takes them. */
  takeOwnFaults(): string[] {
    return this.log.splice(0).filter((line) => line.startsWith(OWN_FAULT));
  }

  /** Every event so far, oldest first. */
  async events(): Promise<Stripe.Event[]> {
    const events: Stripe.Event[] = [];
    for await (const event of this.stripe.events.list({ limit: 100 })) events.push(event);
    return events.reverse();
  }

  async eventTypes(): Promise<string[]> {
    return (await this.events()).map((event) => event.type);
  }

  /**
   * What the log says of failures of the sandbox itself, and the judge against its answers and events (nothing
   * where there is no judge).
   */
  async faults(): Promise<string[]> {
    if (!judge) return this.takeOwnFaults();
    await this.events();
    const events = new Map<string, { id: string; type: string }>();
    const found = this.takeOwnFaults();
    for (const { method, path, status, answer } of this.exchanges) {
      const faults = isNewerThanTheJudge(answer) ? [] : judge.response(method, path, status, answer);
      found.push(...faults.map((fault) => `${method} ${path} ${status}: ${fault}`));
      if (path === "/v1/events" && status === 200) {
        for (const event of (answer as { data: { id: string; type: string }[] }).data)
          events.set(event.id, event);
      }
    }
    for (const event of events.values())
      found.push(...judge.event(event).map((fault) => `${event.type}: ${fault}`));
    return found;
  }

  /** Ends the sandbox, once all its answers and events have been judged. */
  async close(): Promise<void> {
    try {
      expect(await this.faults()).toEqual([]);
    } finally {
      await this.sandbox.close();
    }
  }

  private async recorded(target: string | URL | Request, init?: RequestInit): Promise<Response> {
    const url = new URL(target instanceof Request ? target.url : target);
    const response = await fetch(target, init);
    const text = await response.clone().text();
    this.exchanges.push({
      method: init?.method ?? "GET",
      path: url.pathname,
      params: decodeForm(init?.method === "POST" ? String(init.body ?? "") : url.search),
      status: response.status,
      answer: JSON.parse(text),
      headers: response.headers,
    });
    return response;
  }
}

const started = new Set<Sandbox>();

/** Ends what a test that failed before its end has left open. */
export async function closeLeftovers(): Promise<void> {
  for (const sandbox of started) await sandbox.close();
  started.clear();
}

export async function testSandbox(options: SandboxOptions = {}): Promise<TestSandbox> {
  const log: string[] = [];
  const sandbox = await startSandbox({ port: 0, log: (line) => log.push(line), ...options });
  started.add(sandbox);
  return new TestSandbox(sandbox, log);
}

/** A monthly price of 39.00 USD. */
export async function premium(stripe: Stripe): Promise<Stripe.Price> {
  const product = await stripe.products.create({ name: "Premium" });
  return stripe.prices.create({
    product: product.id,
    currency: "usd",
    unit_amount: 3900,
    recurring: { interval: "month" },
  });
}

export interface Order {
  customer: Stripe.Customer;
  price: Stripe.Price;
  session: Stripe.Checkout.Session;
}

/** A customer at the checkout for Premium. */
export async function order(
  stripe: Stripe,
  params: Partial<Stripe.Checkout.SessionCreateParams> = {},
): Promise<Order> {
  const price = await premium(stripe);
  const customer = await stripe.customers.create({ email: "ada@example.com", name: "Ada" });
  const session = await stripe.checkout.sessions.create({
    mode: "subscription",
    customer: customer.id,
    line_items: [{ price: price.id, quantity: 1 }],
    success_url: "http://shop.test/done?session={CHECKOUT_SESSION_ID}",
    cancel_url: "http://shop.test/back",
    ...params,
  });
  return { customer, price, session };
}

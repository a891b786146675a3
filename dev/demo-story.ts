import { setTimeout as sleep } from "node:timers/promises";
import { moneyText } from "../src/currencies.ts";
import { DemoClient, DemoFailed, payAtSandbox } from "./demo-client.ts";
import { returnUrl } from "./return-page.ts";

/** Whose story it is, and where it takes place. */
export interface DemoOptions {
  readonly serviceUrl: string;
  readonly sandboxUrl: string;
  /** A user who has never been here. */
  readonly userId: string;
  readonly token: string;
  readonly print: (line: string) => void;
}

interface Plan {
  readonly id: string;
  readonly name: string;
  readonly price: Money;
}
interface Money {
  readonly amount: number;
  readonly currency: string;
}
interface Payment {
  readonly amount: Money;
  readonly status: string;
  readonly methodLabel: string | null;
}
interface Status {
  readonly status: string;
  readonly grantsAccess: boolean;
  readonly plan: { readonly name: string };
}
interface LiveStatus {
  readonly subscriptionStatusChanged: Status | null;
}

const COURSE = "course-typescript";
const SETTLE_MS = 10_000;
const POLL_MS = 20;
const STATUS = "status grantsAccess plan { name }";

/**
 * Walks one new learner from the price list to an open course and prints each step as a sentence with the
 * time it took. Uses public interfaces only.
 * @throws DemoFailed naming the step, when one does not end as it should.
 */
export async function runDemo(options: DemoOptions): Promise<void> {
  const client = new DemoClient(options.serviceUrl, options.token);
  const story = new Story(options, client);
  try {
    const plan = await story.readPrices();
    const session = await story.openCheckout(plan);
    const live = await story.watchStatus();
    await story.isDeclined(session);
    await story.pays(session, live);
    await story.hasAccess(plan);
  } finally {
    await client.close();
  }
}

class Story {
  constructor(
    private readonly options: DemoOptions,
    private readonly client: DemoClient,
  ) {}

  async readPrices(): Promise<Plan> {
    return await this.step("reading the price list", async () => {
      const { plans } = await this.client.ask<{ plans: Plan[] }>(
        "{ plans { id name price { amount currency } } }",
      );
      const premium = plans.find(({ name }) => name === "Premium");
      if (!premium) throw new DemoFailed("there is no plan Premium");
      const list = plans.map(({ name, price }) => `${name} ${shown(price)}`).join(", ");
      return [premium, `The price list shows ${list}.`];
    });
  }

  async openCheckout(plan: Plan): Promise<string> {
    return await this.step("opening a checkout", async () => {
      const { createCheckoutSession: session } = await this.client.ask<{
        createCheckoutSession: { id: string; url: string };
      }>(
        "mutation($input: CreateCheckoutSessionInput!) { createCheckoutSession(input: $input) { id url } }",
        {
          input: {
            planId: plan.id,
            successUrl: returnUrl(this.options.serviceUrl, this.options.userId),
            cancelUrl: `${this.options.serviceUrl}/graphql`,
          },
        },
      );
      return [session.id, `The learner picks ${plan.name} and gets a checkout page: ${session.url}`];
    });
  }

  async watchStatus() {
    return await this.step("opening a live subscription", async () => {
      const live = this.client.subscribe<LiveStatus>(
        `subscription { subscriptionStatusChanged { ${STATUS} } }`,
      );
      const first = await live.next(() => true);
      if (first.subscriptionStatusChanged) throw new DemoFailed("this learner is not new");
      return [live, "A live subscription tells the state as it is: no subscription yet."];
    });
  }

  async isDeclined(session: string): Promise<void> {
    await this.step("paying with a card that is declined", async () => {
      const { paid, declineCode } = await payAtSandbox(
        this.options.sandboxUrl,
        session,
        "pm_card_visa_chargeDeclined",
      );
      if (paid) throw new DemoFailed("the card was not declined");
      if (await this.isGranted()) throw new DemoFailed("the course is open although nobody paid");
      return [undefined, `A first card is declined (${declineCode}); the course stays closed.`];
    });
  }

  async pays(session: string, live: { next(fits: (value: LiveStatus) => boolean): Promise<LiveStatus> }) {
    await this.step("paying with a good card", async () => {
      const { paid, declineCode } = await payAtSandbox(this.options.sandboxUrl, session, "pm_card_visa");
      if (!paid) throw new DemoFailed(`the card was declined (${declineCode})`);
      return [undefined, "The same page is paid with 4242 4242 4242 4242."];
    });
    await this.step("waiting for the live update", async () => {
      const opened = await live.next(({ subscriptionStatusChanged: now }) => now?.grantsAccess === true);
      const { status, plan } = opened.subscriptionStatusChanged as Status;
      return [undefined, `The live update arrives without a reload: ${plan.name}, ${status}.`];
    });
  }

  async hasAccess(plan: Plan): Promise<void> {
    await this.step("asking for the status", async () => {
      const { subscriptionStatus: now } = await this.client.ask<{ subscriptionStatus: Status | null }>(
        `{ subscriptionStatus { ${STATUS} } }`,
      );
      if (now?.status !== "ACTIVE" || !now.grantsAccess) throw new DemoFailed(`it is ${now?.status}`);
      return [undefined, `Asked again, the status is ${now.status} and the platform is open.`];
    });
    await this.step("opening a course", async () => {
      if (!(await this.isGranted())) throw new DemoFailed("access is not granted");
      return [undefined, `The course ${COURSE} opens.`];
    });
    await this.step("reading the payments", async () => {
      const payment = await this.succeededPayment();
      if (payment.amount.amount !== plan.price.amount) throw new DemoFailed("it is of another amount");
      return [
        undefined,
        `The payments list ${shown(payment.amount)} from ${payment.methodLabel ?? "a card"}.`,
      ];
    });
  }

  /** The list follows Stripe's event about the payment, which may come after the one that opened access. */
  private async succeededPayment(): Promise<Payment> {
    for (const end = Date.now() + SETTLE_MS; Date.now() < end; await sleep(POLL_MS)) {
      const { payments } = await this.client.ask<{ payments: { nodes: Payment[] } }>(
        "{ payments { nodes { amount { amount currency } status methodLabel } } }",
      );
      const payment = payments.nodes.find(({ status }) => status === "SUCCEEDED");
      if (payment) return payment;
    }
    throw new DemoFailed("the payment is not listed");
  }

  private async isGranted(): Promise<boolean> {
    const { accessTo } = await this.client.ask<{ accessTo: { granted: boolean } }>(
      "query($id: ID!) { accessTo(resourceType: COURSE, resourceId: $id) { granted } }",
      { id: COURSE },
    );
    return accessTo.granted;
  }

  /** Does a step and prints its sentence; a failure carries the step's name. */
  private async step<T>(name: string, work: () => Promise<[result: T, sentence: string]>): Promise<T> {
    const begun = performance.now();
    try {
      const [result, sentence] = await work();
      this.options.print(`${`${Math.round(performance.now() - begun)} ms`.padStart(8)}  ${sentence}`);
      return result;
    } catch (error) {
      throw new DemoFailed(
        `The demo failed while ${name}: ${error instanceof Error ? error.message : error}`,
      );
    }
  }
}

const shown = ({ amount, currency }: Money) => moneyText(amount, currency);

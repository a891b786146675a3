import { moneyText } from "../src/currencies.ts";
import { DemoClient, DemoFailed, payAtSandbox } from "./demo-client.ts";
import { Purchasing } from "./demo-purchase.ts";
import { eventually, Steps } from "./demo-steps.ts";
import { returnUrl } from "./return-page.ts";

/** Whose story it is, and where it takes place. */
export interface DemoOptions {
  readonly serviceUrl: string;
  readonly sandboxUrl: string;
  /** A user who has never been here. */
  readonly userId: string;
  readonly token: string;
  /** Of somebody who may sell courses and give money back. */
  readonly staffToken: string;
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
const STATUS = "status grantsAccess plan { name }";

/**
 * Walks one new learner from the price list to an open course, lets them buy another one and have their money back, and
 * prints each step as a sentence with the time it took. Uses public interfaces only.
 * @throws DemoFailed naming the step, when one does not end as it should.
 */
export async function runDemo(options: DemoOptions): Promise<void> {
  const client = new DemoClient(options.serviceUrl, options.token);
  const staff = new DemoClient(options.serviceUrl, options.staffToken);
  const steps = new Steps(options.print);
  const story = new Story(options, client, steps);
  const purchasing = new Purchasing(client, staff, steps);
  try {
    const plan = await story.readPrices();
    const session = await story.openCheckout(plan);
    const live = await story.watchStatus();
    await story.isDeclined(session);
    await story.pays(session, live);
    await story.hasAccess(plan);
    const course = await purchasing.isOffered();
    await purchasing.isBought(course);
    await purchasing.isRefunded(course);
  } finally {
    await Promise.all([client.close(), staff.close()]);
  }
}

class Story {
  constructor(
    private readonly options: DemoOptions,
    private readonly client: DemoClient,
    private readonly steps: Steps,
  ) {}

  async readPrices(): Promise<Plan> {
    return await this.steps.take("reading the price list", async () => {
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
    return await this.steps.take("opening a checkout", async () => {
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
    return await this.steps.take("opening a live subscription", async () => {
      const live = this.client.subscribe<LiveStatus>(
        `subscription { subscriptionStatusChanged { ${STATUS} } }`,
      );
      const first = await live.next(() => true);
      if (first.subscriptionStatusChanged) throw new DemoFailed("this learner is not new");
      return [live, "A live subscription tells the state as it is: no subscription yet."];
    });
  }

  async isDeclined(session: string): Promise<void> {
    await this.steps.take("paying with a card that is declined", async () => {
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
    await this.steps.take("paying with a good card", async () => {
      const { paid, declineCode } = await payAtSandbox(this.options.sandboxUrl, session, "pm_card_visa");
      if (!paid) throw new DemoFailed(`the card was declined (${declineCode})`);
      return [undefined, "The same page is paid with 4242 4242 4242 4242."];
    });
    await this.steps.take("waiting for the live update", async () => {
      const opened = await live.next(({ subscriptionStatusChanged: now }) => now?.grantsAccess === true);
      const { status, plan } = opened.subscriptionStatusChanged as Status;
      return [undefined, `The live update arrives without a reload: ${plan.name}, ${status}.`];
    });
  }

  async hasAccess(plan: Plan): Promise<void> {
    await this.steps.take("asking for the status", async () => {
      const { subscriptionStatus: now } = await this.client.ask<{ subscriptionStatus: Status | null }>(
        `{ subscriptionStatus { ${STATUS} } }`,
      );
      if (now?.status !== "ACTIVE" || !now.grantsAccess) throw new DemoFailed(`it is ${now?.status}`);
      return [undefined, `Asked again, the status is ${now.status} and the platform is open.`];
    });
    await this.steps.take("opening a course", async () => {
      if (!(await this.isGranted())) throw new DemoFailed("access is not granted");
      return [undefined, `The course ${COURSE} opens.`];
    });
    await this.steps.take("reading the payments", async () => {
      const payment = await this.succeededPayment();
      if (payment.amount.amount !== plan.price.amount) throw new DemoFailed("it is of another amount");
      return [
        undefined,
        `The payments list ${shown(payment.amount)} from ${payment.methodLabel ?? "a card"}.`,
      ];
    });
  }

  /** The list follows Stripe's event about the payment, which may come after the one that opened access. */
  private succeededPayment(): Promise<Payment> {
    return eventually(async () => {
      const { payments } = await this.client.ask<{ payments: { nodes: Payment[] } }>(
        "{ payments { nodes { amount { amount currency } status methodLabel } } }",
      );
      return payments.nodes.find(({ status }) => status === "SUCCEEDED");
    }, "the payment is not listed");
  }

  private async isGranted(): Promise<boolean> {
    const { accessTo } = await this.client.ask<{ accessTo: { granted: boolean } }>(
      "query($id: ID!) { accessTo(resourceType: COURSE, resourceId: $id) { granted } }",
      { id: COURSE },
    );
    return accessTo.granted;
  }
}

const shown = ({ amount, currency }: Money) => moneyText(amount, currency);

import { moneyText } from "../src/currencies.ts";
import { type DemoClient, DemoFailed } from "./demo-client.ts";
import { eventually, type Steps } from "./demo-steps.ts";

const PRICE = { amount: 4_900, currency: "USD" };

/** What the story knows of the course that is bought. */
interface Course {
  readonly resourceType: "COURSE";
  readonly resourceId: string;
}

/** The chapter in which a subscriber buys a course that no subscription opens, and has the money back. */
export class Purchasing {
  private paymentId = "";

  constructor(
    private readonly learner: DemoClient,
    private readonly staff: DemoClient,
    private readonly steps: Steps,
  ) {}

  async isOffered(): Promise<Course> {
    const course = { resourceType: "COURSE", resourceId: "course-masterclass" } as const;
    return this.steps.take("putting a course on sale", async () => {
      await this.staff.ask(
        "mutation ($input: UpsertOfferInput!) { upsertOffer(input: $input) { resourceId } }",
        { input: { ...course, title: "Masterclass", ...PRICE, isStandard: false } },
      );
      if (await this.isOpen(course)) throw new DemoFailed("the subscription opens it");
      return [
        course,
        `A masterclass costs ${moneyText(PRICE.amount, PRICE.currency)} by itself: the subscription does not open it.`,
      ];
    });
  }

  async isBought(course: Course): Promise<void> {
    const events = this.learner.subscribe<{ paymentEvents: { type: string } }>(
      "subscription { paymentEvents(types: [PURCHASE_COMPLETED]) { type } }",
    );
    const completed = events.next(() => true);
    await this.steps.take("buying the course with the stored card", async () => {
      const paymentMethodId = await this.storedCard();
      const { createPurchase } = await this.learner.ask<{
        createPurchase: { purchase: { status: string; payment: { id: string } | null } };
      }>(
        "mutation ($input: CreatePurchaseInput!) { createPurchase(input: $input) { purchase { status payment { id } } } }",
        { input: { ...course, paymentMethodId } },
      );
      const { status, payment } = createPurchase.purchase;
      if (status !== "COMPLETED" || !payment) throw new DemoFailed(`it is ${status}`);
      if (!(await this.isOpen(course))) throw new DemoFailed("it is bought and does not open");
      this.paymentId = payment.id;
      return [undefined, "The learner buys it with the card of the subscription, and it opens at once."];
    });
    await this.steps.take("waiting for the live event", async () => {
      const { paymentEvents } = await completed;
      return [undefined, `The live event arrives: ${paymentEvents.type}.`];
    });
  }

  async isRefunded(course: Course): Promise<void> {
    await this.steps.take("giving the money back", async () => {
      const { refundPayment } = await this.staff.ask<{ refundPayment: { status: string } }>(
        "mutation ($input: RefundPaymentInput!) { refundPayment(input: $input) { status } }",
        { input: { paymentId: this.paymentId } },
      );
      if (await this.isOpen(course)) throw new DemoFailed("the course is still open");
      return [undefined, `Staff give the money back (${refundPayment.status}), and the masterclass closes.`];
    });
  }

  /** The page stores the card; the list follows Stripe's event about it. */
  private storedCard(): Promise<string> {
    return eventually(async () => {
      const { paymentMethods } = await this.learner.ask<{ paymentMethods: { id: string }[] }>(
        "{ paymentMethods { id } }",
      );
      return paymentMethods[0]?.id;
    }, "no card is stored");
  }

  private async isOpen({ resourceId }: Course): Promise<boolean> {
    const { accessTo } = await this.learner.ask<{ accessTo: { granted: boolean } }>(
      "query ($id: ID!) { accessTo(resourceType: COURSE, resourceId: $id) { granted } }",
      { id: resourceId },
    );
    return accessTo.granted;
  }
}

import { randomUUID } from "node:crypto";
import type { EntityManager } from "@mikro-orm/postgresql";
import { validate as isUuid } from "uuid";
import { audit } from "../audit.ts";
import type { Caller } from "../auth/caller.ts";
import type { Clock } from "../clock.ts";
import { chargeable, countingOf, moneyText } from "../currencies.ts";
import { Payment } from "../entities/payment.ts";
import { Purchase } from "../entities/purchase.ts";
import { BadUserInput, Conflict, DomainError, NotFound, RefundNotAllowed } from "../errors.ts";
import { isRefusal } from "../intents/failures.ts";
import type { Turns } from "../intents/turns.ts";
import type { RefundPaymentInput } from "../resolvers/inputs/refund.inputs.ts";
import type { Sync } from "../sync/sync.ts";
import type { IdempotencyService } from "./idempotency.service.ts";

const KIND = "refund-payment";

/** Money that an admin gives back. */
export class RefundService {
  constructor(
    private readonly em: EntityManager,
    private readonly sync: Sync,
    private readonly turns: Turns,
    private readonly parts: { clock: Clock; idempotency: IdempotencyService },
  ) {}

  /**
   * Refunds a payment, in full or in part. Refunds of one user are made one after the other, each looking at what is
   * left, so that two admins together never give back more than was paid.
   * @throws Forbidden, NotFound, BadUserInput to revoke what no purchase gave, RefundNotAllowed when nothing, or not as much, is left; Conflict (retryable)
   */
  refund(caller: Caller, input: RefundPaymentInput): Promise<Payment> {
    caller.assertAdmin();
    return this.parts.idempotency.run({
      ...{ caller, key: input.idempotencyKey, operation: "refundPayment", input },
      intent: { kind: KIND, answer: async () => input.paymentId },
      work: async () => {
        const payment = await find(this.em.fork(), input.paymentId);
        const amount = input.amount ?? payment.refundableMinor;
        assertLeft(payment, amount);
        assertWhole(payment, amount);
        if (input.access === "REVOKE") await this.assertPurchase(payment);
        try {
          await this.give(caller, payment, amount, input);
        } catch (error) {
          throw isRefusal(error) && !(error instanceof DomainError)
            ? await this.refusal(payment, amount)
            : error;
        }
        return payment.id;
      },
      read: (id) => find(this.em.fork(), id),
    });
  }

  /** A subscription's payments do not open anything by themselves, so taking them back closes nothing. */
  private async assertPurchase({ stripePaymentIntentId }: Payment): Promise<void> {
    if ((await this.em.fork().count(Purchase, { stripePaymentIntentId })) === 0)
      throw new BadUserInput(
        "input.access",
        "This payment is of no purchase. To end a subscription, cancel it: that ends its access.",
      );
  }

  /** Why Stripe gives nothing back: somebody did so there, or a bank took it, and no webhook has told us yet. */
  private async refusal({ id, stripePaymentIntentId }: Payment, amount: number): Promise<RefundNotAllowed> {
    await this.sync.payment(stripePaymentIntentId);
    assertLeft(await find(this.em.fork(), id), amount);
    return new RefundNotAllowed("The payment provider does not give this back. Look at the payment there.");
  }

  private async give(
    caller: Caller,
    { id, userId, stripePaymentIntentId: subject }: Payment,
    amount: number,
    { reason, access, amount: asked }: RefundPaymentInput,
  ): Promise<void> {
    const params = {
      ...{ payment_intent: subject, amount },
      ...(reason && { reason: reason.toLowerCase() }),
      ...(access && { access }),
      // two refunds of the same amount are two, unless a client's key says otherwise
      call: randomUUID(),
    };
    const request = { userId, kind: KIND, subject, params } as const;
    await this.turns.run(request, {
      kinds: [KIND],
      givesBack: true,
      begin: async (tx) => {
        const payment = await find(tx, id);
        assertLeft(payment, amount);
        if (asked == null && payment.refundableMinor !== amount)
          throw new Conflict("Another refund came first. Look at what is left, and try again.", {
            retryable: true,
          });
        audit(tx, {
          ...{ at: this.parts.clock.now(), actor: caller.actor, action: "refundPayment" },
          ...{ tableName: "payments", rowId: id, userId, reason: reason ?? null },
          after: { amount, ...(access && { access }) },
        });
      },
    });
  }
}

async function find(em: EntityManager, id: string): Promise<Payment> {
  const payment = isUuid(id) ? await em.findOne(Payment, { id }) : null;
  if (!payment) throw new NotFound("payment");
  return payment;
}

/** Money that has no fraction goes back without one. */
function assertWhole({ currency, refundableMinor }: Payment, amount: number): void {
  if (amount === refundableMinor || chargeable(amount, currency) === amount) return;
  const step = countingOf(currency)?.step;
  throw new BadUserInput("input.amount", `An amount in ${currency} is a multiple of ${step} minor units.`);
}

function assertLeft(payment: Payment, amount: number): void {
  if (payment.status === "DISPUTED")
    throw new RefundNotAllowed("This payment is disputed: its money goes back, or not, by that.");
  if (payment.refundableMinor === 0)
    throw new RefundNotAllowed(
      "Nothing of this payment can be given back: it was not paid, or has gone back.",
    );
  if (amount > payment.refundableMinor)
    throw new RefundNotAllowed(
      `No more than ${moneyText(payment.refundableMinor, payment.currency)} is left of it.`,
    );
}

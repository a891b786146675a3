import type { EntityManager } from "@mikro-orm/postgresql";
import { instantIn } from "../database.ts";
import { type Advice, adviceOn } from "../declines.ts";
import type { Subscription } from "../entities/subscription.ts";
import { MonetaryAmount } from "../types/money.ts";
import type { PaymentProblem } from "../types/payment-problem.ts";
import { IS_UNPAID } from "./billing-facts.ts";

/** States in which money is missing. */
const UNPAID_STATUSES: readonly Subscription["status"][] = ["PAST_DUE", "UNPAID", "INCOMPLETE"];

/** Whether a subscription is in a state in which somebody has to pay. */
export const isUnpaid = ({ status }: Subscription): boolean => UNPAID_STATUSES.includes(status);

/** Why subscriptions are not paid, from what is mirrored of their invoices and payments. */
export class PaymentProblemService {
  constructor(private readonly em: EntityManager) {}

  /** One statement for any number of subscriptions; nothing for those that are paid for. Codes as Stripe says them. */
  async of(subscriptions: readonly Subscription[]): Promise<Map<string, PaymentProblem>> {
    const unpaid = new Map(subscriptions.filter(isUnpaid).map((one) => [one.id, one]));
    if (unpaid.size === 0) return new Map();
    const ids = JSON.stringify([...unpaid.keys()]);
    const rows = await this.em.fork().execute<Row[]>(PROBLEMS, [ids]);
    return new Map(rows.map((row) => [row.id, this.problemOf(row, unpaid.get(row.id) as Subscription)]));
  }

  private problemOf(row: Row, { status }: Subscription): PaymentProblem {
    const { em } = this;
    const nextAttemptAt = instantIn(em, row.next_attempt_at);
    const code = row.waiting === "REQUIRES_ACTION" ? "authentication_required" : row.code;
    return {
      code,
      ...adviceFor(row, code, nextAttemptAt !== null),
      amountDue: row.currency === null ? null : new MonetaryAmount(Number(row.amount_due), row.currency),
      failedAt: instantIn(em, row.failed_at),
      nextAttemptAt,
      accessEndsAt: status === "PAST_DUE" ? instantIn(em, row.access_ends_at) : null,
    };
  }
}

interface Row {
  id: string;
  amount_due: string | null;
  currency: string | null;
  next_attempt_at: string | null;
  code: string | null;
  failed_at: string | null;
  /** A payment that is neither over nor failed. */
  waiting: "REQUIRES_ACTION" | "PROCESSING" | null;
  access_ends_at: string | null;
}

const UNDER_WAY: Advice = {
  message: "Your bank is working on the payment. Nothing is left for you to do just now.",
  nextStep: "WAIT",
};
const NOT_TRIED: Advice = {
  message: "Your subscription is not paid yet. Add a payment method, or pay the open invoice.",
  nextStep: "UPDATE_PAYMENT_METHOD",
};
const GIVEN_UP: Advice = {
  message: "The payment could not be processed and is not tried again by itself. Pay with another card.",
  nextStep: "UPDATE_PAYMENT_METHOD",
};

function adviceFor({ waiting, failed_at }: Row, code: string | null, isTriedAgain: boolean): Advice {
  if (waiting === "PROCESSING") return UNDER_WAY;
  if (waiting === null && failed_at === null) return NOT_TRIED;
  const { message, nextStep } = adviceOn(code);
  return nextStep === "WAIT" && !isTriedAgain ? GIVEN_UP : { message, nextStep };
}

/** What is owed, the last failure, what is still under way, and how long access lasts. */
const PROBLEMS = `
  select subscription.id, bill.amount_due, bill.currency, bill.next_attempt_at,
         failure.failure_code as code, failure.stripe_created_at as failed_at,
         under_way.status as waiting, access.expires_at as access_ends_at
    from subscriptions subscription
   cross join lateral (
     select array_agg(stripe_invoice_id) as invoices, min(currency) as currency,
            sum(amount_due_minor - amount_paid_minor) as amount_due,
            min(next_payment_attempt_at) filter (where status = 'OPEN') as next_attempt_at
       from invoices
      where stripe_subscription_id = subscription.stripe_subscription_id and ${IS_UNPAID}) bill
    left join lateral (
     select failure_code, charge.stripe_created_at
       from invoice_payments join charges charge using (stripe_payment_intent_id)
      where stripe_invoice_id = any(bill.invoices) and charge.status = 'failed'
      order by charge.stripe_created_at desc limit 1) failure on true
    left join lateral (
     select payment.status
       from invoice_payments join payments payment using (stripe_payment_intent_id)
      where stripe_invoice_id = any(bill.invoices) and payment.status in ('REQUIRES_ACTION', 'PROCESSING')
      order by payment.stripe_created_at desc limit 1) under_way on true
    left join lateral (
     select expires_at from user_access
      where source_id = subscription.id::text and user_id = subscription.user_id
        and scope = 'PLATFORM' and revoked_at is null
      order by expires_at desc limit 1) access on true
   where subscription.id in (select value::uuid from jsonb_array_elements_text(?::jsonb))`;

import type { CheckoutSession } from "../entities/checkout-session.ts";
import type { Dispute } from "../entities/dispute.ts";
import type { Intent } from "../entities/intent.ts";
import type { Invoice } from "../entities/invoice.ts";
import type { Payment } from "../entities/payment.ts";
import type { Purchase } from "../entities/purchase.ts";
import type { Refund } from "../entities/refund.ts";
import type { PaymentStatus, PurchaseStatus } from "../types/enums.ts";

/** All that our rows say of a purchase's money. */
export interface PurchaseFacts {
  /** What asks for the money; null when nothing has to be asked. */
  intent: Pick<Intent, "state"> | null;
  session: Pick<CheckoutSession, "status"> | null;
  invoice: Pick<Invoice, "status" | "totalMinor"> | null;
  /** Whether something at Stripe pays the invoice, or has: else a paid one was paid by a balance, or by other ways. */
  hasPayer: boolean;
  /** Whether the money of what it was credited for has gone back. */
  isCreditGone: boolean;
  /** Oldest first. */
  payments: Payment[];
  /** Of the payment that was made. Oldest first. */
  refunds: Pick<Refund, "amountMinor" | "counts" | "access">[];
  disputes: Pick<Dispute, "counts" | "standing">[];
}

/** What a purchase comes to. */
export interface PurchaseStanding {
  status: PurchaseStatus;
  /** Whether it opens what was bought. */
  opens: boolean;
  /** Whether nobody may buy the same for this user meanwhile. */
  holdsSlot: boolean;
  /** Whether something at Stripe could still be paid that should not be. */
  isToBeGivenUp: boolean;
}

const WHEN_PAID: Partial<Record<PaymentStatus, PurchaseStatus>> = {
  SUCCEEDED: "COMPLETED",
  PARTIALLY_REFUNDED: "PARTIALLY_REFUNDED",
  REFUNDED: "REFUNDED",
  DISPUTED: "DISPUTED",
};

/** Whether an invoice waits for money, or for being sent. */
export const isOwed = ({ status }: Pick<Invoice, "status">) => status === "DRAFT" || status === "OPEN";

/** Derives a purchase's state from the rows alone: the same rows give the same state, in whatever order they came. */
export function purchaseStanding(
  purchase: Pick<Purchase, "status" | "amountMinor" | "withdrawnAt">,
  facts: PurchaseFacts,
): PurchaseStanding {
  const paid = paymentMade(facts.payments);
  if (paid || purchase.amountMinor === 0 || isPaidOtherwise(purchase, facts)) {
    const opens = !purchase.withdrawnAt && isOpened(paid, facts);
    return {
      status: (paid && WHEN_PAID[paid.status]) ?? "COMPLETED",
      opens,
      holdsSlot: opens || facts.disputes.some(({ standing }) => standing === "OPEN"),
      isToBeGivenUp: false,
    };
  }
  const status = unpaidStatus(purchase, facts);
  const isOpen = status === "PENDING";
  return { status, opens: false, holdsSlot: isOpen, isToBeGivenUp: !isOpen && canBePaid(facts) };
}

/** The payment that brought the money; null while there is none. */
export const paymentMade = (payments: readonly Payment[]): Payment | null =>
  payments.find((payment) => payment.hasSucceeded) ?? null;

/** A balance that the customer has at Stripe may pay an invoice, or somebody who notes there that money came. */
function isPaidOtherwise(
  { amountMinor }: Pick<Purchase, "amountMinor">,
  { invoice, hasPayer }: PurchaseFacts,
): boolean {
  return invoice?.status === "PAID" && !hasPayer && invoice.totalMinor >= amountMinor;
}

/** What has ended without money stays so: only money brings it back, or a bank that still works on it. */
function unpaidStatus({ status: before }: Pick<Purchase, "status">, facts: PurchaseFacts): PurchaseStatus {
  const { intent, session, invoice, hasPayer } = facts;
  const hasEnded = before === "FAILED" || before === "EXPIRED";
  if (hasEnded && session?.status !== "complete") return before;
  if (intent?.state === "FAILED") return "FAILED";
  // while the change at Stripe runs, whatever it leaves on its way is its to deal with
  if (intent?.state === "PENDING") return "PENDING";
  // nobody is asked for the money any more
  if (!intent && !session && !invoice) return "EXPIRED";
  if (session) return session.status === "open" ? "PENDING" : whenPageIsClosed(session, facts);
  // one that is paid is followed by its payment, which our rows may not know yet
  if (invoice?.status === "VOID" || invoice?.status === "UNCOLLECTIBLE") return "EXPIRED";
  // one that nothing was written on
  if (invoice?.status === "PAID" && !hasPayer) return "EXPIRED";
  return isRefused(facts) ? "FAILED" : "PENDING";
}

/** A page that was left expires; one that was completed may wait for a bank, which may say no. */
function whenPageIsClosed({ status }: Pick<CheckoutSession, "status">, facts: PurchaseFacts): PurchaseStatus {
  if (status === "expired") return "EXPIRED";
  return isRefused(facts) ? "FAILED" : "PENDING";
}

const isRefused = ({ payments }: PurchaseFacts) => {
  const last = payments.at(-1)?.status;
  return last === "FAILED" || last === "CANCELED";
};

/** Whether somebody could pay it although it is over. */
function canBePaid({ session, invoice }: PurchaseFacts): boolean {
  if (session) return session.status === "open";
  return invoice != null && isOwed(invoice);
}

/**
 * Money that is there opens it; not while a bank has it, nor after a bank has taken it. Each refund may say whether what
 * was bought stays open; one that says nothing closes it when all has gone back.
 */
function isOpened(paid: Payment | null, { refunds, disputes, isCreditGone }: PurchaseFacts): boolean {
  if (disputes.some(({ counts }) => counts)) return false;
  let opens = !isCreditGone;
  let back = 0;
  for (const { amountMinor, access } of refunds.filter(({ counts }) => counts)) {
    back += amountMinor;
    if (access) opens = access === "KEEP";
    else if (paid && back >= paid.amountReceivedMinor) opens = false;
  }
  return opens;
}

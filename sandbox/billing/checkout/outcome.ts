import type { CheckoutDetails, Kinds } from "../../kinds.ts";
import { next } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { invoiceAfterwards } from "./invoice.ts";

type Session = Kinds["checkout.session"];
type Intent = Kinds["payment_intent"];

/** What a session shows of its customer. */
export function customerDetails(email: string | null, name: string | null): Session["customer_details"] {
  return {
    address: null,
    business_name: null,
    email,
    individual_name: null,
    name,
    phone: null,
    tax_exempt: "none",
    tax_ids: [],
  };
}

/**
 * Closes a session that has led to something (`checkout.session.completed`). A payment that is still
 * under way, or only reserved, leaves it `unpaid`: what becomes of that is told later.
 */
export function completeSession(
  tx: Transaction,
  session: Session,
  payment_status: NonNullable<Session["payment_status"]>,
): Session {
  const { attempt, payer } = tx.need("checkout_details", session.id);
  const customer = attempt?.customer ? tx.need("customer", attempt.customer) : null;
  if (session.mode === "subscription" && customer && !customer.currency)
    tx.update("customer", customer.id, { currency: session.currency }, "customer.updated");
  const completed = tx.update("checkout.session", session.id, {
    status: next("checkout.session", session.status, "complete"),
    payment_status,
    customer: customer?.id ?? null,
    customer_details: customerDetails(
      customer?.email ?? session.customer_details?.email ?? payer.email,
      customer?.name ?? payer.name,
    ),
    invoice: attempt?.invoice ?? null,
    payment_intent: session.mode === "payment" ? (attempt?.payment_intent ?? null) : null,
    subscription: attempt?.subscription ?? null,
    url: null,
  });
  tx.emit("checkout.session.completed", completed);
  return payment_status === "paid" ? invoiceAfterwards(tx, completed) : completed;
}

/** Draws the consequences of what became of a payment for the session that it pays, if there is one. */
export function followCheckout(tx: Transaction, intent: Intent): void {
  const details = tx.find("checkout_details", "payment_intent", intent.id);
  const session = details && tx.get("checkout.session", details.id);
  if (session?.status === "open") closeBy(tx, session, intent);
  else if (session?.status === "complete" && session.payment_status === "unpaid") tellOf(tx, session, intent);
}

function closeBy(tx: Transaction, session: Session, { status }: Intent): void {
  if (status === "succeeded") completeSession(tx, session, "paid");
  if (status === "processing" || status === "requires_capture") completeSession(tx, session, "unpaid");
}

/** The end of a payment that was still open when its session was completed. */
function tellOf(tx: Transaction, session: Session, intent: Intent): void {
  const wasReserved = intent.capture_method === "manual";
  if (intent.status === "succeeded") {
    const paid = tx.update("checkout.session", session.id, { payment_status: "paid" });
    if (!wasReserved) tx.emit("checkout.session.async_payment_succeeded", paid);
    invoiceAfterwards(tx, paid);
  }
  if (intent.status === "requires_payment_method" && !wasReserved)
    tx.emit("checkout.session.async_payment_failed", session);
}

/** What an attempt to pay a session has made so far. */
export function noteAttempt(
  tx: Transaction,
  session: string,
  made: Partial<NonNullable<CheckoutDetails["attempt"]>>,
): void {
  const before = tx.need("checkout_details", session).attempt;
  const attempt = {
    customer: null,
    subscription: null,
    invoice: null,
    payment_intent: null,
    ...before,
    ...made,
  };
  tx.update("checkout_details", session, { attempt });
}

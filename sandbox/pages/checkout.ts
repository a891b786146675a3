import { debitByAccount } from "../bank-debits.ts";
import { applyCode, changeQuantity, removeCode } from "../billing/checkout/changes.ts";
import { type Attempted, needsMethod, paySession } from "../billing/checkout/checkout.ts";
import { recoverSession } from "../billing/checkout/recovery.ts";
import { createCard, createDebit } from "../billing/customers/payment-methods.ts";
import { ApiError, noSuch } from "../errors.ts";
import type { HttpReply, HttpRequest } from "../http.ts";
import type { Kinds } from "../kinds.ts";
import type { Transaction } from "../transaction.ts";
import type { World } from "../world.ts";
import { checkoutPage } from "./checkout-view.ts";
import { complaintOf, readFields } from "./fields.ts";
import { notice, redirect } from "./layout.ts";
import { typedCard } from "./typed-card.ts";

type Session = Kinds["checkout.session"];

/** `GET /c/pay/:id`; with `?failed` it says why the last attempt failed. */
export function showCheckout(world: World, request: HttpRequest, id: string): HttpReply {
  return whileOpen(world, id, (session) => {
    const message = request.query === "failed" ? lastRefusal(world, session) : undefined;
    const complaint = message ? { message, status: 200, field: null } : undefined;
    return world.act(id, (tx) => checkoutPage(tx, { session, typed: {}, complaint }));
  });
}

function lastRefusal(world: World, session: Session): string | undefined {
  const { attempt } = world.store.get("checkout_details", session.id)!;
  const setup = world.store.get("setup_intent", session.setup_intent ?? "");
  const payment = world.store.get("payment_intent", attempt?.payment_intent ?? "");
  return (payment?.last_payment_error ?? setup?.last_setup_error)?.message;
}

/** `POST /c/pay/:id`: pays with what was typed; a refusal shows the same page with the reason. */
export const payCheckout = (world: World, request: HttpRequest, id: string): HttpReply =>
  changing(world, request, id, (tx, session, typed) => goOn(pay(tx, session, typed)));

/** `POST /c/pay/:id/code`: redeems a promotion code; an empty one takes it off again. */
export const redeemCode = (world: World, request: HttpRequest, id: string): HttpReply =>
  changing(world, request, id, (tx, session, { code = "" }) => {
    if (code) applyCode(tx, session, code);
    else removeCode(tx, session);
    return redirect(`/c/pay/${id}`);
  });

/** `POST /c/pay/:id/quantity`: buys another number of an item. */
export const adjustQuantity = (world: World, request: HttpRequest, id: string): HttpReply =>
  changing(world, request, id, (tx, session, { item = "", quantity = "" }) => {
    changeQuantity(tx, session, item, Number(quantity));
    return redirect(`/c/pay/${id}`);
  });

type Change = (tx: Transaction, session: Session, typed: Record<string, string>) => HttpReply;

/** Does what a form on the page asks for, or shows the page again with what was wrong. */
function changing(world: World, request: HttpRequest, id: string, change: Change): HttpReply {
  return whileOpen(world, id, (session) => {
    const typed = readFields(request);
    try {
      return world.act(id, (tx) => change(tx, session, typed));
    } catch (error) {
      const complaint = complaintOf(error);
      const current = world.store.get("checkout.session", id)!;
      return world.act(id, (tx) => checkoutPage(tx, { session: current, typed, complaint }));
    }
  });
}

const unknown = () =>
  notice("Page not found", "This payment page does not exist. Perhaps the link is incomplete.", 404);

function whileOpen(world: World, id: string, show: (session: Session) => HttpReply): HttpReply {
  const session = world.store.get("checkout.session", id);
  if (!session) return unknown();
  return session.status === "open" ? show(session) : closed(session);
}

function pay(tx: Transaction, session: Session, typed: Record<string, string>): Attempted {
  const email = typed.email || session.customer_details?.email || "";
  const method = needsMethod(session) || typed.number ? methodFrom(tx, session, { ...typed, email }) : null;
  return paySession(tx, session, method, { email: email || undefined, name: typed.name || undefined });
}

function methodFrom(
  tx: Transaction,
  session: Session,
  typed: Record<string, string>,
): Kinds["payment_method"] {
  const { payment_method, account } = typed;
  if (payment_method) {
    const saved = tx.get("payment_method", payment_method);
    if (saved?.customer && saved.customer === session.customer) return saved;
    throw noSuch("PaymentMethod", payment_method, "payment_method");
  }
  if (account) {
    const type = session.payment_method_types.find((each) => each !== "card") as "sepa_debit" | undefined;
    const billing_details = { email: typed.email || null, name: typed.name || null };
    if (type) return createDebit(tx, { debit: debitByAccount(type, account), billing_details });
  }
  return createCard(tx, typedCard(typed, new Date(tx.ownNow * 1000)));
}

/** To the merchant's page, or first to the bank's. */
export function goOn({ session, authenticate }: Attempted): HttpReply {
  return redirect(authenticate ? `/3ds/${authenticate.id}` : successUrl(session));
}

/** The template is the merchant's; only Stripe's placeholder is filled in. */
function successUrl(session: Session): string {
  return (session.success_url ?? "").replaceAll("{CHECKOUT_SESSION_ID}", session.id);
}

/** `GET /c/recover/:id`: begins an expired session anew, where it was made to allow that. */
export function recoverCheckout(world: World, id: string): HttpReply {
  const session = world.store.get("checkout.session", id);
  if (!session) return unknown();
  try {
    return redirect(`/c/pay/${world.act(id, (tx) => recoverSession(tx, session)).id}`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return notice("This link has expired", "Please start again from the shop.", 410);
  }
}

function closed(session: Session): HttpReply {
  if (session.status === "expired") {
    const back = session.cancel_url ? { url: session.cancel_url, text: "Go back" } : undefined;
    const text = "Nothing was charged. Please start again from the shop.";
    return notice("This page has expired", text, 410, back);
  }
  const onward = session.success_url ? { url: successUrl(session), text: "Continue" } : undefined;
  const [title, text] =
    session.payment_status === "unpaid"
      ? [
          "Your payment is under way",
          "You will hear from us when it has arrived. There is nothing left to do here.",
        ]
      : session.mode === "setup"
        ? ["Your card is saved", "There is nothing left to do here."]
        : ["You have already paid", "This payment is complete. There is nothing left to do here."];
  return notice(title!, text!, 200, onward);
}

import { type Attempted, paySession } from "../billing/checkout.ts";
import { createCard } from "../billing/payment-methods.ts";
import { ApiError } from "../errors.ts";
import { decodeForm } from "../form.ts";
import type { HttpReply, HttpRequest } from "../http.ts";
import type { Kinds } from "../kinds.ts";
import type { World } from "../world.ts";
import { type CheckoutView, checkoutPage, type Typed } from "./checkout-view.ts";
import { notice, redirect } from "./layout.ts";
import { typedCard, UnusableCard } from "./typed-card.ts";

type Session = Kinds["checkout.session"];

/** `GET /c/pay/:id`; with `?failed` it says why the last attempt failed. */
export function showCheckout(world: World, request: HttpRequest, id: string): HttpReply {
  const session = world.store.get("checkout.session", id);
  if (!session) return unknownSession();
  if (session.status !== "open") return closed(session);
  const details = world.store.get("checkout_details", id)!;
  const intent = world.store.get("payment_intent", details.attempt?.payment_intent ?? "");
  const message = request.query === "failed" ? intent?.last_payment_error?.message : undefined;
  return checkoutPage({ session, details, typed: {}, error: message ? { message, status: 200 } : undefined });
}

/** `POST /c/pay/:id`: pays with what was typed; a refusal shows the same page with the reason. */
export function payCheckout(world: World, request: HttpRequest, id: string): HttpReply {
  const session = world.store.get("checkout.session", id);
  if (!session) return unknownSession();
  if (session.status !== "open") return closed(session);
  const typed = readTyped(request);
  const view: CheckoutView = { session, details: world.store.get("checkout_details", id)!, typed };
  try {
    return goOn(pay(world, session, typed));
  } catch (error) {
    if (error instanceof UnusableCard)
      return checkoutPage({ ...view, error: { message: error.message, status: 400 } });
    if (error instanceof ApiError)
      return checkoutPage({ ...view, error: { message: error.message, status: error.status } });
    throw error;
  }
}

function readTyped(request: HttpRequest): Typed {
  const fields = decodeForm(request.body);
  const text = (name: string) => (typeof fields[name] === "string" ? fields[name].slice(0, 200) : "");
  return {
    email: text("email"),
    number: text("number"),
    exp: text("exp"),
    cvc: text("cvc"),
    name: text("name"),
  };
}

function pay(world: World, session: Session, typed: Typed): Attempted {
  return world.act(session.id, (tx) => {
    const email = typed.email || session.customer_details?.email || "";
    const wantsCard = typed.number !== "" || session.payment_method_collection !== "if_required";
    const method = wantsCard ? createCard(tx, typedCard({ ...typed, email }, new Date(tx.now * 1000))) : null;
    return paySession(tx, session, method, { email: email || undefined, name: typed.name || undefined });
  });
}

/** To the merchant's page, or first to the bank's. */
export function goOn({ session, authenticate }: Attempted): HttpReply {
  if (authenticate) return redirect(`/3ds/${authenticate.id}`);
  return redirect(successUrl(session));
}

/** The template is the merchant's; only Stripe's placeholder is filled in. */
function successUrl(session: Session): string {
  return (session.success_url ?? "").replaceAll("{CHECKOUT_SESSION_ID}", session.id);
}

const unknownSession = () =>
  notice("Page not found", "This payment page does not exist. Perhaps the link is incomplete.", 404);

function closed(session: Session): HttpReply {
  const back = session.cancel_url ? { url: session.cancel_url, text: "Go back" } : undefined;
  if (session.status === "expired") {
    return notice(
      "This page has expired",
      "Nothing was charged. Please start again from the shop.",
      410,
      back,
    );
  }
  const onward = session.success_url ? { url: successUrl(session), text: "Continue" } : undefined;
  return notice(
    "You have already paid",
    "This payment is complete. There is nothing left to do here.",
    200,
    onward,
  );
}

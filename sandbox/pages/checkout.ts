import { type Attempted, authenticateSession, paySession } from "../billing/checkout.ts";
import { createCard } from "../billing/payment-methods.ts";
import { ApiError } from "../errors.ts";
import { decodeForm } from "../form.ts";
import type { HttpReply, HttpRequest } from "../http.ts";
import type { Kinds } from "../kinds.ts";
import { formatMoney } from "../money.ts";
import type { World } from "../world.ts";
import { type CheckoutView, checkoutPage, type Typed } from "./checkout-view.ts";
import { html } from "./html.ts";
import { notice, page, redirect } from "./layout.ts";
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
function goOn({ session, authenticate }: Attempted): HttpReply {
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

function waiting(world: World, id: string) {
  const intent = world.store.get("payment_intent", id);
  if (intent?.status !== "requires_action") return undefined;
  for (const details of world.store.newest("checkout_details", { index: "payment_intent", key: id })) {
    return { intent, session: world.store.get("checkout.session", details.id)! };
  }
  return undefined;
}

/** `GET /3ds/:id`: where a card's bank would ask its holder. */
export function showChallenge(world: World, id: string): HttpReply {
  const found = waiting(world, id);
  if (!found) return notice("Nothing to authenticate", "This payment does not wait for an answer.", 404);
  const { intent, session } = found;
  return page({
    title: "Authenticate your payment",
    leadsTo: [session.success_url],
    body: html`<div class="sheet narrow"><div>
<h1>3-D Secure</h1>
<p>Your bank asks whether this payment of <strong id="amount">${formatMoney(intent.amount, intent.currency)}</strong> is yours.</p>
<form method="post" action="/3ds/${intent.id}" class="actions">
<button id="authenticate-complete" name="outcome" value="succeed">Complete authentication</button>
<button id="authenticate-fail" class="plain" name="outcome" value="fail">Fail authentication</button>
</form>
</div></div>`,
  });
}

/** `POST /3ds/:id`: the holder's answer. */
export function answerChallenge(world: World, request: HttpRequest, id: string): HttpReply {
  const found = waiting(world, id);
  if (!found) return notice("Nothing to authenticate", "This payment does not wait for an answer.", 404);
  const outcome = decodeForm(request.body).outcome === "succeed" ? "succeed" : "fail";
  try {
    return goOn(world.act(id, (tx) => authenticateSession(tx, found.intent, outcome)));
  } catch (error) {
    if (error instanceof ApiError) return redirect(`/c/pay/${found.session.id}?failed`);
    throw error;
  }
}

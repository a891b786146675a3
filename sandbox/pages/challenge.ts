import { authenticateSession } from "../billing/checkout.ts";
import { answerPayment, answerSetup } from "../billing/conclusions.ts";
import { ApiError } from "../errors.ts";
import { decodeForm } from "../form.ts";
import type { HttpReply, HttpRequest } from "../http.ts";
import type { Kinds } from "../kinds.ts";
import { formatMoney } from "../money.ts";
import type { World } from "../world.ts";
import { goOn } from "./checkout.ts";
import { type Html, html } from "./html.ts";
import { notice, page, redirect } from "./layout.ts";

type Intent = Kinds["payment_intent"] | Kinds["setup_intent"];
type Session = Kinds["checkout.session"];

/** An intent that waits for its holder's answer. */
function waiting(world: World, id: string): Intent | undefined {
  const intent = world.store.get("payment_intent", id) ?? world.store.get("setup_intent", id);
  return intent?.status === "requires_action" ? intent : undefined;
}

/** The Checkout session that a payment is made for. */
function sessionOf(world: World, { id }: Intent): Session | undefined {
  for (const details of world.store.newest("checkout_details", { index: "payment_intent", key: id }))
    return world.store.get("checkout.session", details.id);
  return undefined;
}

const returnUrl = ({ next_action }: Intent) => next_action?.redirect_to_url?.return_url ?? null;

const nothing = () => notice("Nothing to authenticate", "This payment does not wait for an answer.", 404);

/** `GET /3ds/:id`: where a card's bank would ask its holder. */
export function showChallenge(world: World, id: string): HttpReply {
  const intent = waiting(world, id);
  if (!intent) return nothing();
  return page({
    title: "Authenticate your payment",
    leadsTo: [sessionOf(world, intent)?.success_url, returnUrl(intent)],
    body: html`<div class="sheet narrow"><div>
<h1>3-D Secure</h1>
<p>${question(intent)}</p>
<form method="post" action="/3ds/${intent.id}" class="actions">
<button id="authenticate-complete" name="outcome" value="succeed">Complete authentication</button>
<button id="authenticate-fail" class="plain" name="outcome" value="fail">Fail authentication</button>
</form>
</div></div>`,
  });
}

function question(intent: Intent): Html {
  if (intent.object === "setup_intent")
    return html`Your bank asks whether this card may be kept for later payments.`;
  const amount = formatMoney(intent.amount, intent.currency);
  return html`Your bank asks whether this payment of <strong id="amount">${amount}</strong> is yours.`;
}

/** `POST /3ds/:id`: the holder's answer, and the way back to where they came from. */
export function answerChallenge(world: World, request: HttpRequest, id: string): HttpReply {
  const intent = waiting(world, id);
  if (!intent) return nothing();
  const outcome = decodeForm(request.body).outcome === "succeed" ? "succeed" : "fail";
  const session = sessionOf(world, intent);
  if (session && intent.object === "payment_intent") return answerSession(world, intent, session, outcome);
  const after = world.act(id, (tx) =>
    intent.object === "payment_intent"
      ? answerPayment(tx, intent, outcome)
      : answerSetup(tx, intent, outcome),
  );
  const target = returnUrl(intent);
  if (target) return redirect(withOutcome(target, after));
  const failed = after.status === "requires_payment_method";
  return notice(
    failed ? "Authentication failed" : "Authentication complete",
    "You can close this page and go back to the shop.",
  );
}

function answerSession(
  world: World,
  intent: Kinds["payment_intent"],
  session: Session,
  outcome: "succeed" | "fail",
): HttpReply {
  try {
    return goOn(world.act(intent.id, (tx) => authenticateSession(tx, intent, outcome)));
  } catch (error) {
    if (error instanceof ApiError) return redirect(`/c/pay/${session.id}?failed`);
    throw error;
  }
}

/** The merchant's page, told of the intent as Stripe tells it. https://docs.stripe.com/payments/3d-secure */
function withOutcome(target: string, intent: Intent): string {
  if (!URL.canParse(target)) return target;
  const url = new URL(target);
  url.searchParams.set(intent.object, intent.id);
  url.searchParams.set(`${intent.object}_client_secret`, intent.client_secret ?? "");
  url.searchParams.set(
    "redirect_status",
    intent.status === "requires_payment_method" ? "failed" : "succeeded",
  );
  return url.href;
}

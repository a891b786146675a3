import { answerPayment, answerSetup } from "../billing/payments/conclusions.ts";
import type { HttpReply, HttpRequest } from "../http.ts";
import type { Kinds } from "../kinds.ts";
import { formatMoney } from "../money.ts";
import type { World } from "../world.ts";
import { goOn } from "./checkout.ts";
import { readFields } from "./fields.ts";
import { type Html, html } from "./html.ts";
import { notice, page, redirect } from "./layout.ts";

type Intent = Kinds["payment_intent"] | Kinds["setup_intent"];
type Session = Kinds["checkout.session"];

const intentOf = (world: World, id: string): Intent | undefined =>
  world.store.get("payment_intent", id) ?? world.store.get("setup_intent", id);

/** An intent that waits for its holder's answer. */
function waiting(world: World, id: string): Intent | undefined {
  const intent = intentOf(world, id);
  return intent?.status === "requires_action" ? intent : undefined;
}

/** The Checkout session that an intent was made for. */
function sessionOf(world: World, { id, object }: Intent): Session | undefined {
  if (object === "setup_intent") {
    const [session] = world.store.newest("checkout.session", { index: "setup_intent", key: id });
    return session;
  }
  const [details] = world.store.newest("checkout_details", { index: "payment_intent", key: id });
  return details && world.store.get("checkout.session", details.id);
}

/** Where a flow of the portal ends that waits for this answer. */
function flowEnd(world: World, { id }: Intent): string | undefined {
  const setup = world.store.get("portal_setup", id);
  const session = setup && world.store.get("billing_portal.session", setup.session);
  return session?.flow?.after_completion.redirect?.return_url;
}

const returnUrl = ({ next_action }: Intent) => next_action?.redirect_to_url?.return_url ?? null;

const nothing = () => notice("Nothing to authenticate", "This payment does not wait for an answer.", 404);

/** `GET /3ds/:id`: where a card's bank would ask its holder. */
export function showChallenge(world: World, id: string): HttpReply {
  const intent = waiting(world, id);
  if (!intent) return nothing();
  return page({
    title: "Authenticate your payment",
    leadsTo: [sessionOf(world, intent)?.success_url, returnUrl(intent), flowEnd(world, intent)],
    body: html`<div class="sheet narrow"><div>
<p><span class="badge">Your bank</span></p>
${question(intent)}
<p class="soft">3-D Secure: a bank asks its customer before it says yes.</p>
<form method="post" action="/3ds/${intent.id}" class="actions">
<button id="authenticate-complete" name="outcome" value="succeed">Complete authentication</button>
<button id="authenticate-fail" class="plain" name="outcome" value="fail">Fail authentication</button>
</form>
</div></div>`,
  });
}

function question(intent: Intent): Html {
  if (intent.object === "setup_intent") return html`<h1>May this card be kept for later payments?</h1>`;
  return html`<h1>Is this payment yours?</h1>
<p class="amount" id="amount">${formatMoney(intent.amount, intent.currency)}</p>`;
}

/** `POST /3ds/:id`: the holder's answer, and the way back to where they came from. */
export function answerChallenge(world: World, request: HttpRequest, id: string): HttpReply {
  const intent = waiting(world, id);
  if (!intent) return nothing();
  const outcome = readFields(request).outcome === "succeed" ? "succeed" : "fail";
  world.act(id, (tx) =>
    intent.object === "payment_intent"
      ? answerPayment(tx, intent, outcome)
      : answerSetup(tx, intent, outcome),
  );
  return wayBack(world, intent, intentOf(world, id)!);
}

function wayBack(world: World, before: Intent, after: Intent): HttpReply {
  const session = sessionOf(world, after);
  if (session?.status === "open") return redirect(`/c/pay/${session.id}?failed`);
  if (session) return goOn({ session, authenticate: null });
  const target = returnUrl(before);
  if (target) return redirect(withOutcome(target, after));
  const failed = after.status === "requires_payment_method";
  const [payment] = world.store.newest("invoice_payment", { index: "payment_intent", key: after.id });
  if (payment) return redirect(`/i/${payment.invoice}${failed ? "?failed" : ""}`);
  return notice(
    failed ? "Authentication failed" : "Authentication complete",
    "You can close this page and go back to the shop.",
  );
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

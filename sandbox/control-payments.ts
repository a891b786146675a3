import { renewCard } from "./billing/customers/method-changes.ts";
import { answerPayment, answerSetup, decidePayment } from "./billing/payments/conclusions.ts";
import { closeDispute, openDispute } from "./billing/payments/disputes.ts";
import { askForDetails, completeRefund, failRefund } from "./billing/payments/refunds.ts";
import { invalidRequest } from "./errors.ts";
import { type HttpReply, json } from "./http.ts";
import type { Transaction } from "./transaction.ts";
import type { World } from "./world.ts";

type Body = Record<string, unknown>;

/** What a path does to its object; the answer is what comes back. */
type Act = (tx: Transaction, id: string, body: Body) => object;

/** One of the words that a field may be. */
function oneOf<const T extends string>(body: Body, name: string, ...values: T[]): T {
  const found = values.find((value) => value === body[name]);
  if (found !== undefined) return found;
  throw invalidRequest(`Invalid ${name}: must be one of ${values.join(", ")}`, { param: name });
}

function whole(body: Body, name: string): number | undefined {
  if (body[name] === undefined) return undefined;
  const value = Number(body[name]);
  if (!Number.isInteger(value)) throw invalidRequest(`${name} must be a whole number.`, { param: name });
  return value;
}

const text = (body: Body, name: string) => (typeof body[name] === "string" ? body[name] : undefined);

/** What banks, networks and holders decide, decided on demand: `POST /sandbox/{path}`. */
const acts: [path: RegExp, act: Act][] = [
  [
    /^payment_intents\/([^/]+)\/authenticate$/,
    (tx, id, body) =>
      answerPayment(tx, tx.need("payment_intent", id), oneOf(body, "outcome", "succeed", "fail")),
  ],
  [
    /^payment_intents\/([^/]+)\/settle$/,
    (tx, id, body) =>
      decidePayment(tx, tx.need("payment_intent", id), oneOf(body, "outcome", "succeed", "fail")),
  ],
  [
    /^setup_intents\/([^/]+)\/authenticate$/,
    (tx, id, body) => answerSetup(tx, tx.need("setup_intent", id), oneOf(body, "outcome", "succeed", "fail")),
  ],
  [
    /^disputes\/([^/]+)\/close$/,
    (tx, id, body) => closeDispute(tx, tx.need("dispute", id), oneOf(body, "outcome", "won", "lost")),
  ],
  [
    /^charges\/([^/]+)\/dispute$/,
    (tx, id, body) =>
      openDispute(tx, tx.need("charge", id), {
        reason: text(body, "reason") ?? "fraudulent",
        isInquiry: body.inquiry === true || body.inquiry === "true",
      }),
  ],
  [/^refunds\/([^/]+)$/, decideRefund],
  [
    /^payment_methods\/([^/]+)\/update$/,
    (tx, id, body) =>
      renewCard(tx, tx.need("payment_method", id), {
        exp_month: whole(body, "exp_month"),
        exp_year: whole(body, "exp_year"),
        last4: text(body, "last4"),
      }),
  ],
];

/** Answers one of these paths; undefined for any other. */
export function actOnPayments(world: World, path: string, body: Body): HttpReply | undefined {
  for (const [pattern, act] of acts) {
    const id = pattern.exec(path.replace(/^\/sandbox\//, ""))?.[1];
    if (id !== undefined)
      return json(
        200,
        world.act(id, (tx) => act(tx, id, body)),
      );
  }
  return undefined;
}

function decideRefund(tx: Transaction, id: string, body: Body): object {
  const refund = tx.need("refund", id);
  const status = oneOf(body, "status", "succeeded", "failed", "requires_action");
  if (status === "requires_action") return askForDetails(tx, refund);
  return status === "succeeded" ? completeRefund(tx, refund) : failRefund(tx, refund, text(body, "reason"));
}

import type { Portal } from "../billing/portal/portal.ts";
import { isEnding } from "../billing/portal/subscriptions.ts";
import { recurringAmount } from "../billing/subscriptions/lines.ts";
import type { HttpReply } from "../http.ts";
import type { Kinds } from "../kinds.ts";
import { formatMoney } from "../money.ts";
import type { Transaction } from "../transaction.ts";
import { alert, type Complaint } from "./fields.ts";
import { type Html, html } from "./html.ts";
import { page } from "./layout.ts";
import { day, rhythm } from "./words.ts";

type Subscription = Kinds["subscription"];

export const hrefOf = ({ session }: Portal, path = ""): string => `/p/session/${session.id}${path}`;

/** One step in the portal: a form on a page of its own, with a way back. */
export function portalStep(
  portal: Portal,
  step: { title: string; body: Html; complaint?: Complaint | undefined },
): HttpReply {
  const { flow, return_url } = portal.session;
  const back = flow ? return_url : `${hrefOf(portal)}?done=`;
  const { title, body, complaint } = step;
  return page({
    title,
    status: complaint?.status ?? 200,
    leadsTo: [return_url, flow?.after_completion.redirect?.return_url],
    body: html`<div class="sheet narrow"><div>
${back && html`<p><a id="back" class="back" href="${back}"><span aria-hidden="true">←</span> Back</a></p>`}
<h1>${title}</h1>
${complaint && complaint.field === null && alert(complaint)}
${body}
</div></div>`,
  });
}

/** "Premium, 2 × Seat": what a subscription is to. */
export const planName = (tx: Transaction, { items }: Subscription): string =>
  items.data
    .map(({ price, quantity = 1 }) => {
      const name = tx.get("product", price.product)?.name ?? price.id;
      return quantity > 1 ? `${quantity} × ${name}` : name;
    })
    .join(", ");

/** "$39.00 per month" */
export function planPrice(tx: Transaction, subscription: Subscription): string {
  const { items, currency } = subscription;
  const total = items.data.reduce((sum, item) => sum + recurringAmount(tx, subscription, item), 0);
  return `${formatMoney(total, currency)} ${rhythm(items.data[0]!.price)}`;
}

/** What happens next to a subscription, and when. */
export function outlook(subscription: Subscription): string {
  const { status, trial_end, cancel_at, items } = subscription;
  const renews = Math.min(...items.data.map((item) => item.current_period_end));
  if (isEnding(subscription)) return `Ends on ${day(cancel_at ?? renews)} and does not renew.`;
  if (status === "trialing" && trial_end) return `Free until ${day(trial_end)}.`;
  if (status === "past_due" || status === "unpaid") return "The last payment has failed.";
  if (status === "paused") return "Paused.";
  return `Renews on ${day(renews)}.`;
}

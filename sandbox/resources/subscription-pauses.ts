import { pauseSubscription } from "../billing/subscriptions/pausing.ts";
import { resumeSubscription } from "../billing/subscriptions/resuming.ts";
import { invalidRequest } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { type Infer, object, oneOf, required, timestamp } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";
import { prorationBehavior } from "./common-params.ts";
import { billingMode } from "./subscription-params.ts";

const pauseParams = {
  bill_for: object({
    outstanding_usage_through: object({ type: required(oneOf("none", "now")) }),
    unused_time_from: object({ type: required(oneOf("item_current_period_start", "none", "now")) }),
  }),
  invoicing_behavior: oneOf("invoice", "pending_invoice_item"),
  type: oneOf("subscription"),
};

const resumeParams = {
  billing_cycle_anchor: object({ type: required(oneOf("now", "unchanged")) }),
  payment_behavior: oneOf("resume_on_payment_attempt", "resume_on_payment_success"),
  proration_behavior: prorationBehavior,
  proration_date: timestamp,
};

function pause(tx: Transaction, params: Infer<typeof pauseParams>, id: string): Kinds["subscription"] {
  const { bill_for, invoicing_behavior = "pending_invoice_item" } = params;
  return pauseSubscription(tx, tx.need("subscription", id), {
    unusedFrom: bill_for?.unused_time_from?.type ?? "now",
    usageThrough: bill_for?.outstanding_usage_through?.type ?? "now",
    invoicing: invoicing_behavior,
  });
}

function resume(tx: Transaction, params: Infer<typeof resumeParams>, id: string): Kinds["subscription"] {
  return resumeSubscription(tx, tx.need("subscription", id), {
    billing_cycle_anchor: params.billing_cycle_anchor?.type ?? "now",
    payment_behavior: params.payment_behavior ?? "resume_on_payment_attempt",
    proration_behavior: params.proration_behavior ?? "create_prorations",
    proration_date: params.proration_date,
  });
}

/** Classic subscriptions become flexible; there is no way back. */
function migrate(tx: Transaction, type: "classic" | "flexible", id: string): Kinds["subscription"] {
  const subscription = tx.need("subscription", id);
  if (type !== "flexible" || subscription.billing_mode.type === "flexible") {
    throw invalidRequest(
      "Only subscriptions in classic billing mode can be migrated, and only to flexible.",
      {
        param: "billing_mode[type]",
      },
    );
  }
  const flexible = { proration_discounts: "included" as const };
  const billing_mode = { flexible, type, updated_at: tx.now };
  return tx.update("subscription", id, { billing_mode }, "customer.subscription.updated");
}

export const subscriptionPauseRoutes: Route[] = [
  route("POST", "/v1/subscriptions/:id/pause", pauseParams, (tx, params, { id = "" }) =>
    pause(tx, params, id),
  ),
  route("POST", "/v1/subscriptions/:id/resume", resumeParams, (tx, params, { id = "" }) =>
    resume(tx, params, id),
  ),
  route(
    "POST",
    "/v1/subscriptions/:id/migrate",
    { billing_mode: required(billingMode) },
    (tx, params, { id = "" }) => migrate(tx, params.billing_mode.type, id),
  ),
];

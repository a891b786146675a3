import { invalidRequest } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { assertFeature, ownSubscription, type Portal } from "./portal.ts";
import { changeable, dueForUpdate, isEnding, type Wish } from "./subscriptions.ts";

type Session = Kinds["billing_portal.session"];

/** Refuses a flow that could not be gone through. https://docs.stripe.com/customer-management/portal-deep-links */
export function assertFlow(tx: Transaction, session: Session): void {
  const { flow } = session;
  if (!flow) return;
  const { features } = tx.need("billing_portal.configuration", session.configuration);
  const portal: Portal = { session, features, customer: tx.need("customer", session.customer, "customer") };
  if (flow.type === "payment_method_update") assertFeature(portal, "payment_method_update");
  if (flow.subscription_cancel) assertCancel(tx, portal, flow.subscription_cancel.subscription);
  if (flow.subscription_update) changeable(tx, portal, flow.subscription_update.subscription);
  if (flow.subscription_update_confirm) dueForUpdate(tx, portal, wishOf(tx, session)!);
}

function assertCancel(tx: Transaction, portal: Portal, id: string): void {
  assertFeature(portal, "subscription_cancel");
  if (!isEnding(ownSubscription(tx, portal, id))) return;
  throw invalidRequest(`The subscription \`${id}\` is already set to be canceled.`, {
    param: "flow_data[subscription_cancel][subscription]",
  });
}

/** The change that a session's flow asks the customer to confirm. */
export function wishOf(tx: Transaction, { flow }: Session): Wish | undefined {
  const confirm = flow?.subscription_update_confirm;
  if (!confirm) return undefined;
  const [item, ...others] = confirm.items;
  const subscription = tx.get("subscription", confirm.subscription);
  if (!item || others.length > 0 || (subscription && subscription.items.data[0]?.id !== item.id)) {
    throw invalidRequest("The flow must name the one item of the subscription.", {
      param: "flow_data[subscription_update_confirm][items]",
    });
  }
  return {
    subscription: confirm.subscription,
    price: item.price ?? undefined,
    quantity: item.quantity,
    discounts: confirm.discounts?.map(({ coupon, promotion_code }) => ({
      ...(coupon && { coupon }),
      ...(promotion_code && { promotion_code }),
    })),
  };
}

import { changeOrder } from "../billing/checkout/changes.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import type { CheckoutDetails, Kinds } from "../kinds.ts";
import { withMetadata } from "../metadata.ts";
import type { Infer } from "../params.ts";
import type { Transaction } from "../transaction.ts";
import { changedLineItem, newLineItem, type UpdatedItem } from "./checkout-line-items.ts";
import type { updateParams } from "./checkout-session-params.ts";
import { assertSellable } from "./checkout-session-rules.ts";

type Session = Kinds["checkout.session"];
type LineItem = CheckoutDetails["line_items"][number];

/** Changes a session: its metadata always, what it sells only while it is open. */
export function updateSession(tx: Transaction, params: Infer<typeof updateParams>, id: string): Session {
  const before = tx.need("checkout.session", id);
  const metadata = withMetadata(before.metadata ?? {}, params.metadata);
  if (params.line_items) sellInstead(tx, before, params.line_items);
  return tx.update("checkout.session", id, { metadata });
}

/** The list is the whole order: what it leaves out is not sold any more. */
function sellInstead(tx: Transaction, session: Session, given: UpdatedItem[]): void {
  if (session.status !== "open") {
    throw invalidRequest("You can only update `line_items` of a Checkout Session that is open.", {
      param: "line_items",
    });
  }
  const details = tx.need("checkout_details", session.id);
  const items = given.map((item, index) => itemOf(tx, details, item, `line_items[${index}]`));
  if (items.length === 0) {
    throw invalidParameter("line_items", "Missing required param: line_items.", "parameter_missing");
  }
  assertSellable(session.mode as "payment", items, details.subscription_data.billing_mode);
  const currency = session.currency ?? items[0]!.currency;
  changeOrder(tx, session, { line_items: items.map((item) => ({ ...item, currency })) });
}

function itemOf(
  tx: Transaction,
  { line_items }: CheckoutDetails,
  item: UpdatedItem,
  param: string,
): LineItem {
  if (item.id === undefined) return newLineItem(tx, item, param);
  const before = line_items.find(({ id }) => id === item.id);
  if (before) return changedLineItem(tx, before, item, param);
  throw invalidParameter(`${param}[id]`, `No such line item: '${item.id}'`, "resource_missing");
}

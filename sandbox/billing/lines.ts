import { newId } from "../ids.ts";
import type { Kinds } from "../kinds.ts";
import { formatMoney } from "../money.ts";
import type { Transaction } from "../transaction.ts";
import { priceAmount } from "./pricing.ts";

type Price = Kinds["price"];
type SubscriptionItem = Kinds["subscription"]["items"]["data"][number];
export type InvoiceLine = Kinds["invoice"]["lines"]["data"][number];

/** "month", "3 months". */
export function intervalText(price: Price): string {
  const { interval = "month", interval_count = 1 } = price.recurring ?? {};
  return interval_count === 1 ? interval : `${interval_count} ${interval}s`;
}

/** The line that bills one subscription item for its current period; a trial costs nothing. */
export function subscriptionLine(
  tx: Transaction,
  invoice: string,
  item: SubscriptionItem,
  isTrial: boolean,
): InvoiceLine {
  const { price } = item;
  const quantity = item.quantity ?? 1;
  const amount = isTrial ? 0 : priceAmount(tx, price, quantity);
  const product = tx.need("product", price.product).name;
  const each = formatMoney(price.unit_amount ?? priceAmount(tx, price, 1), price.currency);
  return {
    id: newId("il"),
    object: "line_item",
    amount,
    currency: price.currency,
    description: isTrial
      ? `Trial period for ${product}`
      : `${quantity} × ${product} (at ${each} / ${intervalText(price)})`,
    discount_amounts: [],
    discountable: true,
    discounts: [],
    invoice,
    livemode: false,
    metadata: {},
    parent: {
      invoice_item_details: null,
      subscription_item_details: {
        invoice_item: null,
        proration: false,
        proration_details: { credited_items: null },
        subscription: item.subscription,
        subscription_item: item.id,
      },
      type: "subscription_item_details",
    },
    period: { end: item.current_period_end, start: item.current_period_start },
    pretax_credit_amounts: [],
    pricing: {
      price_details: { price: price.id, product: price.product },
      type: "price_details",
      unit_amount_decimal: isTrial ? "0" : (price.unit_amount_decimal ?? "0"),
    },
    quantity,
    quantity_decimal: String(quantity),
    subscription: item.subscription,
    subtotal: amount,
    taxes: [],
  };
}

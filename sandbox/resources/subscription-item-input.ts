import { redeem } from "../billing/catalogue/discounts.ts";
import type { ExtraItem } from "../billing/subscriptions/extra-items.ts";
import { countedByMeter } from "../billing/subscriptions/item-changes.ts";
import type { ItemInput } from "../billing/subscriptions/items.ts";
import { isMetered } from "../billing/subscriptions/items.ts";
import { chosenPrice } from "../billing/subscriptions/prices.ts";
import { paramIn } from "../errors.ts";
import { newId } from "../ids.ts";
import { withMetadata } from "../metadata.ts";
import type { Infer } from "../params.ts";
import type { Transaction } from "../transaction.ts";
import type { extraItems, newItemParams } from "./subscription-params.ts";

/** What an item's parameters say it is to be. */
export function itemInput(tx: Transaction, given: Infer<typeof newItemParams>, param: string): ItemInput {
  const { discounts, metadata, quantity, ...choice } = given;
  const id = newId("si");
  const price = chosenPrice(tx, choice, param, "recurring");
  if (quantity !== undefined && isMetered({ price })) throw countedByMeter(paramIn(param, "quantity"));
  const redeemed = redeem(tx, discounts ?? [], {
    customer: null,
    currency: price.currency,
    subscription_item: id,
    param: paramIn(param, "discounts"),
  });
  return { id, price, quantity, metadata: withMetadata({}, metadata), discounts: redeemed.map((d) => d.id) };
}

type ExtraParams = ReturnType<(typeof extraItems)["read"]>[number];

/** What an entry of `add_invoice_items` bills. */
export function extraItem(tx: Transaction, given: ExtraParams, param: string): ExtraItem {
  const { discountable, discounts, metadata, quantity, period, price, price_data } = given;
  return {
    price: chosenPrice(tx, { price, price_data }, param, "one_time"),
    quantity,
    discountable,
    discounts: discounts ?? [],
    metadata: withMetadata({}, metadata),
    period:
      period?.start.timestamp !== undefined && period.end.timestamp !== undefined
        ? { start: period.start.timestamp, end: period.end.timestamp }
        : undefined,
  };
}

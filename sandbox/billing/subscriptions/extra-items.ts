import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { type Redemption, redeem } from "../catalogue/discounts.ts";
import { priceAmount, pricingOf } from "../catalogue/pricing.ts";
import { insertInvoiceItem } from "../invoices/items.ts";
import { nextPeriodEnd } from "./items.ts";

type Subscription = Kinds["subscription"];

/** Something that is billed once, with a subscription's next invoice (`add_invoice_items`). */
export interface ExtraItem {
  price: Kinds["price"];
  quantity?: number | undefined;
  discountable?: boolean | undefined;
  discounts?: Redemption[] | undefined;
  metadata?: Record<string, string> | undefined;
  period?: { start: number; end: number } | undefined;
}

/** Leaves them as pending invoice items of the subscription. */
export function insertExtraItems(tx: Transaction, subscription: Subscription, extras: ExtraItem[]): void {
  const { currency, customer, id } = subscription;
  for (const [index, extra] of extras.entries()) {
    const { price, quantity = 1 } = extra;
    const item = newId("ii");
    const discounts = redeem(tx, extra.discounts ?? [], {
      customer,
      currency,
      invoice_item: item,
      param: `add_invoice_items[${index}][discounts]`,
    });
    insertInvoiceItem(tx, {
      id: item,
      amount: priceAmount(tx, price, quantity, currency),
      currency,
      customer,
      description: tx.get("product", price.product)?.name ?? null,
      discountable: extra.discountable ?? true,
      discounts: discounts.map((discount) => discount.id),
      metadata: extra.metadata ?? {},
      parent: { subscription_details: { subscription: id }, type: "subscription_details" },
      period: extra.period ?? { start: tx.now, end: nextPeriodEnd(subscription) },
      pricing: pricingOf(tx, price, currency),
      quantity,
      quantity_decimal: String(quantity),
    });
  }
}

import { newId } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";

type TaxId = Kinds["tax_id"];

/** Those whose registers Stripe asks; nothing here ever answers. */
const VERIFIED: readonly TaxId["type"][] = ["au_abn", "eu_vat", "gb_vat"];

/** Where a tax id is of: its type says it, and of the European Union's the number itself. */
function countryOf(type: TaxId["type"], value: string): string {
  return (type === "eu_vat" ? value : type).slice(0, 2).toUpperCase();
}

/** A tax id of a customer, as given. */
export function addTaxId(
  tx: Transaction,
  { customer, type, value }: { customer: string; type: TaxId["type"]; value: string },
): TaxId {
  const taxId = tx.insert("tax_id", {
    id: newId("txi"),
    object: "tax_id",
    country: countryOf(type, value),
    created: tx.now,
    customer,
    customer_account: null,
    livemode: false,
    owner: { type: "customer", customer, customer_account: null },
    type,
    value,
    verification: {
      status: VERIFIED.includes(type) ? "pending" : "unavailable",
      verified_address: null,
      verified_name: null,
    },
  });
  tx.emit("customer.tax_id.created", taxId);
  return taxId;
}

export function removeTaxId(tx: Transaction, taxId: TaxId): { id: string; object: "tax_id"; deleted: true } {
  tx.remove("tax_id", taxId.id);
  tx.emit("customer.tax_id.deleted", taxId);
  return { id: taxId.id, object: "tax_id", deleted: true };
}

/** Newest first. */
export const taxIdsOf = (tx: Pick<Transaction, "newest">, customer: string): TaxId[] => [
  ...tx.newest("tax_id", { index: "customer", key: customer }),
];

/** As an invoice repeats them. */
export const shownTaxIds = (tx: Pick<Transaction, "newest">, customer: string) =>
  taxIdsOf(tx, customer).map(({ type, value }) => ({ type, value }));

/** What is known for taxes of where a customer is: their address on the network, which is never located. */
export function taxOf(tx: Transaction, { id }: { id: string }): NonNullable<Kinds["customer"]["tax"]> {
  const ip_address = tx.get("customer_tax", id)?.ip_address ?? null;
  return { automatic_tax: "unrecognized_location", ip_address, location: null, provider: "stripe" };
}

/** Notes, or forgets, a customer's address on the network. */
export function noteTaxAddress(tx: Transaction, customer: string, ip_address: string | null): void {
  if (tx.get("customer_tax", customer)) tx.remove("customer_tax", customer);
  if (ip_address !== null) tx.insert("customer_tax", { id: customer, ip_address });
}

import { newId, randomText } from "../../ids.ts";
import type { Kinds } from "../../kinds.ts";
import { isFinal } from "../../states.ts";
import type { Transaction } from "../../transaction.ts";
import { stopCollecting } from "../invoices/endings.ts";
import { cancelNow } from "../subscriptions/cancellation.ts";
import { noteTaxAddress, taxIdsOf } from "./tax-ids.ts";

type Customer = Kinds["customer"];

/** What is said of a customer's invoices until something is. */
export const NO_INVOICE_SETTINGS: Customer["invoice_settings"] = {
  custom_fields: null,
  default_payment_method: null,
  footer: null,
  rendering_options: null,
};

/** A new customer with what is given and Stripe's defaults for the rest. */
export function createCustomer(tx: Transaction, given: Partial<Customer>): Customer {
  const customer = tx.insert("customer", {
    id: newId("cus"),
    object: "customer",
    address: null,
    balance: 0,
    created: tx.now,
    currency: null,
    customer_account: null,
    default_source: null,
    delinquent: false,
    description: null,
    discount: null,
    email: null,
    invoice_prefix: randomText(8).toUpperCase(),
    invoice_settings: NO_INVOICE_SETTINGS,
    livemode: false,
    metadata: {},
    name: null,
    next_invoice_sequence: 1,
    phone: null,
    preferred_locales: [],
    shipping: null,
    tax_exempt: "none",
    test_clock: null,
    ...given,
  });
  tx.emit("customer.created", customer);
  return customer;
}

/** Takes a customer away: subscriptions end, nothing more is invoiced or collected, methods are nobody's any more. */
export function removeCustomer(tx: Transaction, customer: Customer): Kinds["deleted"] {
  const { id } = customer;
  for (const subscription of [...tx.newest("subscription", { index: "customer", key: id })]) {
    if (!isFinal("subscription", subscription.status)) cancelNow(tx, subscription);
  }
  for (const item of [...tx.newest("invoiceitem", { index: "pending", key: id })]) {
    tx.remove("invoiceitem", item.id);
    tx.emit("invoiceitem.deleted", item);
  }
  for (const invoice of [...tx.newest("invoice", { index: "customer", key: id })])
    stopCollecting(tx, invoice);
  for (const method of [...tx.newest("payment_method", { index: "customer", key: id })]) {
    tx.insert("detached_method", { id: method.id });
    tx.update("payment_method", method.id, { customer: null });
  }
  noteTaxAddress(tx, id, null);
  for (const { id: taxId } of taxIdsOf(tx, id)) tx.remove("tax_id", taxId);
  const before = tx.need("customer", id);
  tx.remove("customer", id);
  if (before.test_clock) tx.insert("former_customer", { id, test_clock: before.test_clock });
  tx.emit("customer.deleted", before);
  return tx.insert("deleted", { id, object: "customer", deleted: true });
}

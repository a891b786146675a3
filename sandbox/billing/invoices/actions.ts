import { invalidRequest } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { type Collection, finalizationRefusal, payInvoice, refusalOf } from "./collection.ts";
import { markUncollectible, voidInvoice } from "./endings.ts";
import { finalizeInvoice, settleInvoice } from "./invoices.ts";
import { assertNotUnderWay } from "./payments.ts";
import { DRAFT_SECONDS } from "./row.ts";

type Invoice = Kinds["invoice"];

/** What follows by itself from `auto_advance`: a draft is finalized, an open invoice charged, an hour later. */
export function advancing(tx: Transaction, invoice: Invoice, auto_advance: boolean): Partial<Invoice> {
  const soon = auto_advance ? tx.now + DRAFT_SECONDS : null;
  if (invoice.status === "draft") return { auto_advance, automatically_finalizes_at: soon };
  const isCharged = invoice.status === "open" && invoice.collection_method === "charge_automatically";
  return { auto_advance, next_payment_attempt: isCharged ? soon : null };
}

/** Finalizes a draft on demand. */
export function finalizeOnDemand(
  tx: Transaction,
  draft: Invoice,
  auto_advance = draft.auto_advance,
): Invoice {
  if (draft.status !== "draft") {
    throw invalidRequest("This invoice is already finalized, you can't re-finalize a non-draft invoice.");
  }
  const invoice = finalizeInvoice(tx, draft);
  if (invoice.status === "draft") throw finalizationRefusal(invoice);
  if (invoice.status !== "open") return invoice;
  return tx.update("invoice", invoice.id, advancing(tx, invoice, auto_advance ?? false));
}

/** Pays an invoice on demand. Throws 402 when the payment is refused or asks for its holder. */
export function payOnDemand(
  tx: Transaction,
  invoice: Invoice,
  {
    outOfBand,
    ...collection
  }: Pick<Collection, "method" | "offSession"> & { outOfBand?: boolean | undefined },
): Invoice {
  if (invoice.status === "paid") throw invalidRequest("Invoice is already paid");
  if (invoice.status === "void") throw invalidRequest("This invoice is void and cannot be paid.");
  if (outOfBand) {
    assertNotUnderWay(tx, invoice, "pay an invoice outside of Stripe");
    const open = invoice.status === "draft" ? finalizeInvoice(tx, invoice) : invoice;
    if (open.status === "draft") throw finalizationRefusal(open);
    return open.status === "paid" ? open : settleInvoice(tx, open, { outOfBand });
  }
  const collected = payInvoice(tx, invoice, collection);
  const refusal = refusalOf(collected);
  if (refusal) throw refusal;
  return collected.invoice;
}

/** Voids an invoice on demand. */
export function voidOnDemand(tx: Transaction, invoice: Invoice): Invoice {
  assertNotUnderWay(tx, invoice, "void an invoice");
  if (invoice.status === "open" || invoice.status === "uncollectible") return voidInvoice(tx, invoice);
  throw invalidRequest("You can only pass in open invoices. This invoice isn't open.");
}

/** Writes an invoice off on demand. */
export function writeOffOnDemand(tx: Transaction, invoice: Invoice): Invoice {
  if (invoice.status === "open") return markUncollectible(tx, invoice, "user_forgiven");
  throw invalidRequest("You can only mark an open invoice as uncollectible. This invoice isn't open.");
}

/** Sends an invoice to its customer (`invoice.sent`), finalizing a draft first. */
export function sendInvoice(tx: Transaction, invoice: Invoice): Invoice {
  if (invoice.collection_method !== "send_invoice") {
    throw invalidRequest("You can only manually send an invoice if its collection method is 'send_invoice'");
  }
  if (invoice.status === "void" || invoice.status === "uncollectible") {
    throw invalidRequest(`This invoice is ${invoice.status}: it cannot be sent.`);
  }
  const sent = invoice.status === "draft" ? finalizeOnDemand(tx, invoice) : invoice;
  tx.emit("invoice.sent", sent);
  return sent;
}

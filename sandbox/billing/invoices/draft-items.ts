import { invalidRequest } from "../../errors.ts";
import type { Kinds } from "../../kinds.ts";
import type { Transaction } from "../../transaction.ts";
import { reprice } from "./invoices.ts";
import { itemOfLine, lineOfItem } from "./items.ts";

type Invoice = Kinds["invoice"];
type InvoiceItem = Kinds["invoiceitem"];

/** What an item or line costs. */
export type Priced = Pick<InvoiceItem, "amount" | "currency" | "description" | "pricing" | "quantity">;

const MAX_ITEMS = 250;

/** Refuses to change what a finalized invoice says. */
export function assertDraft(invoice: Invoice): void {
  if (invoice.status === "draft") return;
  throw invalidRequest(
    `This invoice is no longer editable: its status is ${invoice.status}. Only draft invoices can be changed.`,
    { code: "invoice_not_editable" },
  );
}

/** Adds the lines of items that have just been made for a draft. */
export function addToDraft(tx: Transaction, invoice: Invoice, items: InvoiceItem[]): Invoice {
  assertDraft(invoice);
  const lines = [...invoice.lines.data, ...items.map(lineOfItem)];
  if (lines.length > MAX_ITEMS) throw invalidRequest(`An invoice can have at most ${MAX_ITEMS} items.`);
  return reprice(tx, invoice, { lines });
}

/** The draft that an item is on; undefined for a pending item. Refuses when it is a draft no longer. */
export function draftOf(tx: Transaction, item: InvoiceItem): Invoice | undefined {
  const invoice = item.invoice === null ? undefined : tx.need("invoice", item.invoice);
  if (invoice) assertDraft(invoice);
  return invoice;
}

/** Changes an item, and the draft's line that bills it. */
export function changeItem(tx: Transaction, item: InvoiceItem, patch: Partial<InvoiceItem>): InvoiceItem {
  const invoice = draftOf(tx, item);
  const changed = tx.update("invoiceitem", item.id, patch);
  if (invoice) {
    const lines = invoice.lines.data.map((line) =>
      itemOfLine(line) === item.id ? { ...lineOfItem(changed), id: line.id } : line,
    );
    reprice(tx, invoice, { lines });
  }
  return changed;
}

/** Takes an item away, and the draft's line that bills it. */
export function removeItem(tx: Transaction, item: InvoiceItem): Kinds["deleted"] {
  const invoice = draftOf(tx, item);
  forget(tx, item);
  if (invoice) {
    const lines = invoice.lines.data.filter((line) => itemOfLine(line) !== item.id);
    reprice(tx, invoice, { lines });
  }
  return { id: item.id, object: "invoiceitem", deleted: true };
}

function forget(tx: Transaction, item: InvoiceItem): void {
  tx.remove("invoiceitem", item.id);
  tx.emit("invoiceitem.deleted", item);
}

/** Takes lines off a draft: their items are deleted, or wait for another invoice. */
export function removeLines(
  tx: Transaction,
  invoice: Invoice,
  lines: { id: string; behavior: "delete" | "unassign" }[],
): Invoice {
  assertDraft(invoice);
  for (const { id, behavior } of lines) {
    const item = tx.get("invoiceitem", itemOfLine(lineOf(invoice, id)) ?? "");
    if (item && behavior === "delete") forget(tx, item);
    else if (item) tx.update("invoiceitem", item.id, { invoice: null });
  }
  const gone = new Set(lines.map(({ id }) => id));
  return reprice(tx, invoice, { lines: invoice.lines.data.filter((line) => !gone.has(line.id)) });
}

/** A line of an invoice by its id. */
export function lineOf(invoice: Invoice, id: string): Invoice["lines"]["data"][number] {
  const line = invoice.lines.data.find((candidate) => candidate.id === id);
  if (line) return line;
  throw invalidRequest(`No such line item: '${id}'`, { code: "resource_missing", param: "lines" });
}

/** Takes a draft away with the items on it (`invoiceitem.deleted`, `invoice.deleted`). */
export function deleteDraft(tx: Transaction, invoice: Invoice): Kinds["deleted"] {
  if (invoice.status !== "draft" || invoice.parent) {
    throw invalidRequest(
      "You can only delete draft invoices that were not created by a subscription; others can be voided once they are finalized.",
    );
  }
  for (const item of [...tx.newest("invoiceitem", { index: "invoice", key: invoice.id })]) forget(tx, item);
  tx.remove("invoice", invoice.id);
  tx.emit("invoice.deleted", invoice);
  return { id: invoice.id, object: "invoice", deleted: true };
}

import { addToDraft, assertDraft, lineOf, removeLines } from "../billing/invoices/draft-items.ts";
import { reprice } from "../billing/invoices/invoices.ts";
import { claimItems, insertInvoiceItem, itemOfLine, lineOfItem } from "../billing/invoices/items.ts";
import type { InvoiceLine } from "../billing/invoices/lines.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import { newId } from "../ids.ts";
import type { Kinds } from "../kinds.ts";
import { metadata, withMetadata } from "../metadata.ts";
import { flag, type Infer, list, notYet, object, oneOf, required, text } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";
import { discounts } from "./common-params.ts";
import { itemPatch, redeemed } from "./invoice-items.ts";
import { itemPrice, period, periodOf, pricedBy, repricedBy, shownPrice } from "./item-params.ts";

type Invoice = Kinds["invoice"];

const { amount, price_data, pricing, quantity, quantity_decimal } = itemPrice;
const fields = {
  amount,
  description: text(),
  discountable: flag,
  discounts,
  metadata,
  period,
  price_data,
  pricing,
  quantity,
  quantity_decimal,
  tax_amounts: notYet(),
  tax_rates: notYet(),
};

type Line = Infer<typeof fields>;

/** The item behind a new line: one that is pending already, or a new one. */
function itemFor(
  tx: Transaction,
  invoice: Invoice,
  { invoice_item, ...line }: Line & { invoice_item?: string },
): Kinds["invoiceitem"] {
  const customer = invoice.customer ?? "";
  if (invoice_item) {
    const item = tx.need("invoiceitem", invoice_item, "lines");
    if (item.invoice !== null || item.customer !== customer || item.currency !== invoice.currency) {
      throw invalidRequest(`The invoice item ${item.id} cannot be added to this invoice.`, {
        param: "lines",
      });
    }
    claimItems(tx, [item], invoice.id);
    return tx.need("invoiceitem", item.id);
  }
  const priced = pricedBy(tx, line, invoice.currency);
  if (!priced)
    throw invalidParameter("lines", "Each line needs an amount, pricing, price_data or invoice_item.");
  const id = newId("ii");
  return insertInvoiceItem(tx, {
    ...priced,
    id,
    customer,
    description: line.description ?? priced.description,
    discountable: line.discountable ?? priced.amount >= 0,
    discounts: redeemed(tx, line.discounts, { ...priced, id, customer }),
    invoice: invoice.id,
    metadata: withMetadata({}, line.metadata),
    period: periodOf(line.period) ?? { start: tx.now, end: tx.now },
    quantity_decimal: String(priced.quantity),
  });
}

/** A line after a change, and the item behind it. */
function edited(tx: Transaction, line: InvoiceLine, params: Line): InvoiceLine {
  const item = tx.get("invoiceitem", itemOfLine(line) ?? "");
  if (item) {
    const changed = tx.update("invoiceitem", item.id, itemPatch(tx, item, params));
    return { ...lineOfItem(changed), id: line.id };
  }
  const { currency } = line;
  const priced = repricedBy(tx, params, { ...line, quantity: line.quantity ?? 1 });
  return {
    ...line,
    ...(priced && { ...shownPrice(priced), subtotal: priced.amount }),
    ...(params.description !== undefined && { description: params.description }),
    ...(params.discountable !== undefined && { discountable: params.discountable }),
    ...(params.discounts !== undefined && {
      discounts: redeemed(tx, params.discounts, {
        id: line.id,
        customer: tx.need("invoice", line.invoice ?? "").customer ?? "",
        currency,
        amount: priced?.amount ?? line.amount,
      }),
    }),
    metadata: withMetadata(line.metadata, params.metadata),
    ...(params.period && { period: periodOf(params.period)! }),
  };
}

/** Changes lines of a draft. */
function edit(tx: Transaction, invoice: Invoice, lines: (Line & { id: string })[]): Invoice {
  assertDraft(invoice);
  const changes = new Map(lines.map(({ id, ...params }) => [lineOf(invoice, id).id, params]));
  const after = invoice.lines.data.map((line) => {
    const params = changes.get(line.id);
    return params ? edited(tx, line, params) : line;
  });
  return reprice(tx, invoice, { lines: after });
}

const invoiceMetadata = { invoice_metadata: metadata };

/** What comes with every change of several lines. */
function withInvoiceMetadata(
  tx: Transaction,
  invoice: Invoice,
  { invoice_metadata }: Infer<typeof invoiceMetadata>,
): Invoice {
  if (invoice_metadata === undefined) return invoice;
  return tx.update("invoice", invoice.id, {
    metadata: withMetadata(invoice.metadata ?? {}, invoice_metadata),
  });
}

export const invoiceLineRoutes: Route[] = [
  route(
    "POST",
    "/v1/invoices/:id/add_lines",
    { ...invoiceMetadata, lines: required(list(object({ ...fields, invoice_item: text() }))) },
    (tx, params, { id = "" }) => {
      const invoice = tx.need("invoice", id);
      assertDraft(invoice);
      const items = params.lines.map((line) => itemFor(tx, invoice, line));
      return addToDraft(tx, withInvoiceMetadata(tx, invoice, params), items);
    },
  ),
  route(
    "POST",
    "/v1/invoices/:id/update_lines",
    { ...invoiceMetadata, lines: required(list(object({ ...fields, id: required(text()) }))) },
    (tx, params, { id = "" }) =>
      edit(tx, withInvoiceMetadata(tx, tx.need("invoice", id), params), params.lines),
  ),
  route(
    "POST",
    "/v1/invoices/:id/remove_lines",
    {
      ...invoiceMetadata,
      lines: required(
        list(object({ behavior: required(oneOf("delete", "unassign")), id: required(text()) })),
      ),
    },
    (tx, params, { id = "" }) =>
      removeLines(tx, withInvoiceMetadata(tx, tx.need("invoice", id), params), params.lines),
  ),
  route("POST", "/v1/invoices/:invoice/lines/:line", fields, (tx, params, { invoice = "", line = "" }) =>
    lineOf(edit(tx, tx.need("invoice", invoice), [{ ...params, id: line }]), line),
  ),
];

import type { Kinds } from "../../kinds.ts";
import type { ImaginedTransaction, Transaction } from "../../transaction.ts";

type Invoice = Kinds["invoice"];

/**
 * What an invoice would be: `draft` makes it as for real, and everything it did is taken back. So a
 * preview is, to the cent, what is charged when nothing changes in between.
 * @param at the moment the invoice would be made, in seconds; now without it
 */
export function previewInvoice(
  tx: Transaction,
  draft: (tx: ImaginedTransaction) => Invoice,
  at: number | null = null,
): Invoice {
  return asUpcoming(tx.imagine(draft, at));
}

/** An invoice as it is shown that will be made later. */
export function asUpcoming(invoice: Invoice): Invoice {
  const id = `upcoming_${invoice.id}`;
  return {
    ...invoice,
    id,
    auto_advance: false,
    automatically_finalizes_at: null,
    billing_reason: "upcoming",
    lines: {
      ...invoice.lines,
      data: invoice.lines.data.map((line) => ({ ...line, invoice: id })),
      url: `/v1/invoices/${id}/lines`,
    },
  };
}

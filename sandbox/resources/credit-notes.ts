import { createCreditNote, voidCreditNote } from "../billing/invoices/credit-notes.ts";
import type { Kinds } from "../kinds.ts";
import { listParams, page, pageOf, pageParams } from "../list.ts";
import { metadata, withMetadata } from "../metadata.ts";
import {
  decimal,
  type Infer,
  integer,
  list,
  notYet,
  object,
  oneOf,
  required,
  text,
  timestamp,
} from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";

type CreditNote = Kinds["credit_note"];

const amount = integer({ min: 0 });

const line = object({
  amount,
  description: text(),
  invoice_line_item: text(),
  metadata,
  quantity: integer({ min: 1 }),
  tax_amounts: notYet(),
  tax_rates: notYet(),
  type: required(oneOf("custom_line_item", "invoice_line_item")),
  unit_amount: amount,
  unit_amount_decimal: decimal,
});

const createParams = {
  amount,
  credit_amount: amount,
  effective_at: timestamp,
  email_type: oneOf("credit_note", "none"),
  invoice: required(text()),
  lines: list(line),
  memo: text(),
  metadata,
  out_of_band_amount: amount,
  reason: oneOf("duplicate", "fraudulent", "order_change", "product_unsatisfactory"),
  refund_amount: amount,
  refunds: list(
    object({
      amount_refunded: amount,
      payment_record_refund: notYet(),
      refund: required(text()),
      type: oneOf("refund"),
    }),
  ),
  shipping_cost: notYet(),
};

type CreateParams = Infer<typeof createParams>;

function create(tx: Transaction, params: CreateParams): CreditNote {
  const { email_type: _, invoice, lines, metadata: given, shipping_cost: __, ...input } = params;
  return createCreditNote(tx, tx.need("invoice", invoice, "invoice"), {
    ...input,
    ...(lines && {
      lines: lines.map(({ unit_amount, unit_amount_decimal, metadata: own, ...entry }) => ({
        ...entry,
        metadata: withMetadata({}, own),
        unit_amount_decimal: unit_amount_decimal ?? unit_amount?.toString(),
      })),
    }),
    metadata: withMetadata({}, given),
  });
}

/** The note that would be made. */
const preview = (tx: Transaction, params: CreateParams) => tx.imagine(() => create(tx, params));

const updateParams = { memo: text(), metadata };

function update(tx: Transaction, params: Infer<typeof updateParams>, id: string): CreditNote {
  const before = tx.need("credit_note", id);
  const { memo } = params;
  return tx.update(
    "credit_note",
    id,
    {
      ...(memo !== undefined && { memo }),
      metadata: withMetadata(before.metadata ?? {}, params.metadata),
    },
    "credit_note.updated",
  );
}

const filters = { customer: text(), customer_account: notYet(), invoice: text() };

function listNotes(tx: Transaction, params: Infer<typeof filters & typeof listParams>) {
  const { customer, invoice } = params;
  const keep = (note: CreditNote) => !customer || note.customer === customer;
  const where = invoice
    ? { index: "invoice" as const, key: invoice }
    : customer
      ? { index: "customer" as const, key: customer }
      : undefined;
  return page(tx, { kind: "credit_note", url: "/v1/credit_notes", where, keep }, params);
}

export const creditNoteRoutes: Route[] = [
  route("POST", "/v1/credit_notes", createParams, create),
  route("GET", "/v1/credit_notes", { ...listParams, ...filters }, listNotes),
  route("GET", "/v1/credit_notes/preview", createParams, preview),
  route("GET", "/v1/credit_notes/preview/lines", { ...pageParams, ...createParams }, (tx, params) => {
    const { limit, starting_after, ending_before, ...rest } = params;
    const request = {
      ...(limit !== undefined && { limit }),
      ...(starting_after && { starting_after }),
      ...(ending_before && { ending_before }),
    };
    return pageOf(preview(tx, rest).lines.data, "/v1/credit_notes/preview/lines", request);
  }),
  route("GET", "/v1/credit_notes/:id", {}, (tx, _params, { id = "" }) => tx.need("credit_note", id)),
  route("POST", "/v1/credit_notes/:id", updateParams, (tx, params, { id = "" }) => update(tx, params, id)),
  route("GET", "/v1/credit_notes/:id/lines", pageParams, (tx, params, { id = "" }) =>
    pageOf(tx.need("credit_note", id).lines.data, `/v1/credit_notes/${id}/lines`, params),
  ),
  route("POST", "/v1/credit_notes/:id/void", {}, (tx, _params, { id = "" }) =>
    voidCreditNote(tx, tx.need("credit_note", id)),
  ),
];

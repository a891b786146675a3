import type { Kinds } from "../kinds.ts";
import { listParams, page } from "../list.ts";
import { type Infer, object, oneOf, required, text } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";

const paymentFilters = {
  invoice: text(),
  payment: object({
    payment_intent: text(),
    payment_record: text(),
    type: required(oneOf("payment_intent", "payment_record")),
  }),
  status: oneOf("canceled", "open", "paid"),
};

function listInvoicePayments(tx: Transaction, params: Infer<typeof paymentFilters & typeof listParams>) {
  const { invoice, payment, status } = params;
  const intent = payment?.payment_intent;
  const keep = (row: Kinds["invoice_payment"]) =>
    (!status || row.status === status) &&
    (!invoice || row.invoice === invoice) &&
    (!payment || row.payment.type === payment.type);
  const where = intent
    ? { index: "payment_intent" as const, key: intent }
    : invoice
      ? { index: "invoice" as const, key: invoice }
      : undefined;
  return page(tx, { kind: "invoice_payment", url: "/v1/invoice_payments", where, keep }, params);
}

export const invoicePaymentRoutes: Route[] = [
  route("GET", "/v1/invoice_payments", { ...listParams, ...paymentFilters }, listInvoicePayments),
  route("GET", "/v1/invoice_payments/:id", {}, (tx, _params, { id = "" }) => tx.need("invoice_payment", id)),
];

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

function listCharges(
  tx: Transaction,
  params: Infer<typeof listParams & { customer: typeof optionalId; payment_intent: typeof optionalId }>,
) {
  const { customer, payment_intent } = params;
  const keep = (charge: Kinds["charge"]) => !customer || charge.customer === customer;
  const where = payment_intent
    ? { index: "payment_intent" as const, key: payment_intent }
    : customer
      ? { index: "customer" as const, key: customer }
      : undefined;
  return page(tx, { kind: "charge", url: "/v1/charges", where, keep }, params);
}

const optionalId = text();

export const paymentRoutes: Route[] = [
  route("GET", "/v1/invoice_payments", { ...listParams, ...paymentFilters }, listInvoicePayments),
  route("GET", "/v1/invoice_payments/:id", {}, (tx, _params, { id = "" }) => tx.need("invoice_payment", id)),
  route("GET", "/v1/payment_intents", { ...listParams, customer: optionalId }, (tx, params) => {
    const where = params.customer ? { index: "customer" as const, key: params.customer } : undefined;
    return page(tx, { kind: "payment_intent", url: "/v1/payment_intents", where }, params);
  }),
  route("GET", "/v1/payment_intents/:id", { client_secret: text() }, (tx, _params, { id = "" }) =>
    tx.need("payment_intent", id),
  ),
  route(
    "GET",
    "/v1/charges",
    { ...listParams, customer: optionalId, payment_intent: optionalId, transfer_group: optionalId },
    listCharges,
  ),
  route("GET", "/v1/charges/:id", {}, (tx, _params, { id = "" }) => tx.need("charge", id)),
];

import type { Kinds } from "../kinds.ts";
import { listParams, page, pageOf, pageParams } from "../list.ts";
import { type Infer, oneOf, text } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";

type Invoice = Kinds["invoice"];

const filters = {
  collection_method: oneOf("charge_automatically", "send_invoice"),
  customer: text(),
  status: oneOf("draft", "open", "paid", "uncollectible", "void"),
  subscription: text(),
};

function listInvoices(tx: Transaction, params: Infer<typeof filters & typeof listParams>) {
  const { collection_method, customer, status, subscription } = params;
  const keep = (invoice: Invoice) =>
    (!status || invoice.status === status) &&
    (!customer || invoice.customer === customer) &&
    (!collection_method || invoice.collection_method === collection_method);
  const where = subscription
    ? { index: "subscription" as const, key: subscription }
    : customer
      ? { index: "customer" as const, key: customer }
      : undefined;
  return page(tx, { kind: "invoice", url: "/v1/invoices", where, keep }, params);
}

export const invoiceRoutes: Route[] = [
  route("GET", "/v1/invoices", { ...listParams, ...filters }, listInvoices),
  route("GET", "/v1/invoices/:id", {}, (tx, _params, { id = "" }) => tx.need("invoice", id)),
  route("GET", "/v1/invoices/:id/lines", pageParams, (tx, params, { id = "" }) =>
    pageOf(tx.need("invoice", id).lines.data, `/v1/invoices/${id}/lines`, params),
  ),
];

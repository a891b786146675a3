import {
  advancing,
  finalizeOnDemand,
  payOnDemand,
  sendInvoice,
  voidOnDemand,
  writeOffOnDemand,
} from "../billing/invoices/actions.ts";
import { ownMethod } from "../billing/invoices/collection.ts";
import { assertDraft, deleteDraft } from "../billing/invoices/draft-items.ts";
import { draftInvoice, reprice } from "../billing/invoices/invoices.ts";
import { pendingItems } from "../billing/invoices/items.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import { newId } from "../ids.ts";
import type { Kinds } from "../kinds.ts";
import { inRange, listParams, page, pageOf, pageParams, range } from "../list.ts";
import { withMetadata } from "../metadata.ts";
import { flag, type Infer, notYet, oneOf, text } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";
import { collectionMethod } from "./common-params.ts";
import { createParams, dueBy, redeemedFor, shown, updateParams } from "./invoice-params.ts";

type Invoice = Kinds["invoice"];
type Params = Infer<typeof createParams>;

function ownerOf(tx: Transaction, params: Params) {
  const subscription = params.subscription
    ? tx.need("subscription", params.subscription, "subscription")
    : null;
  const id = params.customer ?? subscription?.customer;
  if (!id) throw invalidParameter("customer", "Missing required param: customer.", "parameter_missing");
  const customer = tx.need("customer", id, "customer");
  if (subscription && subscription.customer !== customer.id) {
    throw invalidRequest("The subscription does not belong to the customer.", { param: "subscription" });
  }
  return { customer, subscription };
}

/** The pending items a new invoice is asked to take. */
function itemsFor(tx: Transaction, params: Params, currency: string): Kinds["invoiceitem"][] {
  if (params.pending_invoice_items_behavior !== "include") return [];
  const { customer, subscription } = ownerOf(tx, params);
  const items = pendingItems(tx, customer, currency).filter(
    ({ parent }) => !subscription || parent?.subscription_details?.subscription === subscription.id,
  );
  if (items.length > 0) return items;
  throw invalidRequest(`Nothing to invoice for ${subscription ? "subscription" : "customer"}`, {
    code: subscription ? "invoice_no_subscription_line_items" : "invoice_no_customer_line_items",
  });
}

function create(tx: Transaction, params: Params): Invoice {
  const { customer, subscription } = ownerOf(tx, params);
  const newest = tx.find("invoiceitem", "pending", customer.id);
  const currency =
    params.currency ?? subscription?.currency ?? customer.currency ?? newest?.currency ?? "usd";
  const items = itemsFor(tx, params, currency);
  const id = newId("in");
  const amount = items.reduce((sum, item) => sum + item.amount, 0);
  const discounts = redeemedFor(tx, params.discounts, { id, customer: customer.id, currency, amount });
  const collection_method = params.collection_method ?? "charge_automatically";
  const due_date = dueBy(tx, params, collection_method);
  const finalizesAt = finalizationTime(tx, params);
  return draftInvoice(tx, {
    id,
    customer,
    subscription,
    billing_reason: "manual",
    currency,
    lines: [],
    items,
    ...(discounts && { discounts }),
    collection_method,
    auto_advance: params.auto_advance ?? false,
    metadata: withMetadata({}, params.metadata),
    more: {
      ...shown(tx, params, customer.id),
      due_date,
      ...(finalizesAt !== undefined && { automatically_finalizes_at: finalizesAt }),
    },
  });
}

/** When a draft is to be finalized, if the request says so. */
function finalizationTime(tx: Transaction, params: Infer<typeof updateParams>): number | undefined {
  const at = params.automatically_finalizes_at;
  if (at !== undefined && at <= tx.now) {
    throw invalidParameter("automatically_finalizes_at", "The time must be in the future.");
  }
  return at;
}

/** What may be changed of an invoice that is a draft no longer. */
const EDITABLE: Partial<Record<string, string[]>> = {
  open: ["auto_advance", "default_payment_method", "metadata"],
};

function update(tx: Transaction, params: Infer<typeof updateParams>, id: string): Invoice {
  const before = tx.need("invoice", id);
  const isDraft = before.status === "draft";
  const editable = EDITABLE[before.status ?? ""] ?? ["metadata"];
  if (!isDraft && Object.keys(params).some((name) => !editable.includes(name))) assertDraft(before);
  const customer = before.customer ?? "";
  const method = params.collection_method ?? before.collection_method;
  const isDueChanged =
    params.collection_method !== undefined ||
    params.days_until_due !== undefined ||
    params.due_date !== undefined;
  const finalizesAt = finalizationTime(tx, params);
  const patch: Partial<Invoice> = {
    ...shown(tx, params, customer),
    metadata: withMetadata(before.metadata ?? {}, params.metadata),
    ...(isDueChanged && { collection_method: method, due_date: dueBy(tx, params, method) }),
    ...(params.auto_advance !== undefined && advancing(tx, before, params.auto_advance)),
    ...(finalizesAt !== undefined && { automatically_finalizes_at: finalizesAt }),
  };
  if (params.discounts === undefined) return tx.update("invoice", id, patch, "invoice.updated");
  const { currency, subtotal: amount } = before;
  const discounts = redeemedFor(tx, params.discounts, { id, customer, currency, amount }) ?? [];
  const { lines: _, ...rest } = patch;
  return reprice(tx, before, { ...rest, discounts });
}

const payParams = {
  forgive: flag,
  mandate: notYet(),
  off_session: flag,
  paid_out_of_band: flag,
  payment_method: text(),
  source: notYet(),
};

function pay(tx: Transaction, params: Infer<typeof payParams>, id: string): Invoice {
  const invoice = tx.need("invoice", id);
  const { off_session: offSession, paid_out_of_band: outOfBand, payment_method } = params;
  const method = payment_method
    ? ownMethod(tx, invoice.customer ?? "", payment_method, "payment_method")
    : undefined;
  return payOnDemand(tx, invoice, { method, offSession, outOfBand });
}

const filters = {
  collection_method: collectionMethod,
  customer: text(),
  customer_account: notYet(),
  due_date: range,
  status: oneOf("draft", "open", "paid", "uncollectible", "void"),
  subscription: text(),
};

function listInvoices(tx: Transaction, params: Infer<typeof filters & typeof listParams>) {
  const { collection_method, customer, due_date, status, subscription } = params;
  const keep = (invoice: Invoice) =>
    (!status || invoice.status === status) &&
    (!customer || invoice.customer === customer) &&
    (due_date === undefined || (invoice.due_date !== null && inRange(invoice.due_date, due_date))) &&
    (!collection_method || invoice.collection_method === collection_method);
  const where = subscription
    ? { index: "subscription" as const, key: subscription }
    : customer
      ? { index: "customer" as const, key: customer }
      : undefined;
  return page(tx, { kind: "invoice", url: "/v1/invoices", where, keep }, params);
}

/** An operation on one invoice. */
type Act = (tx: Transaction, invoice: Invoice) => object;
const on =
  (act: Act) =>
  (tx: Transaction, _params: object, { id = "" }) =>
    act(tx, tx.need("invoice", id));

export const invoiceRoutes: Route[] = [
  route("POST", "/v1/invoices", createParams, create),
  route("GET", "/v1/invoices", { ...listParams, ...filters }, listInvoices),
  route(
    "GET",
    "/v1/invoices/:id",
    {},
    on((_tx, invoice) => invoice),
  ),
  route("POST", "/v1/invoices/:id", updateParams, (tx, params, { id = "" }) => update(tx, params, id)),
  route("DELETE", "/v1/invoices/:id", {}, on(deleteDraft)),
  route("GET", "/v1/invoices/:id/lines", pageParams, (tx, params, { id = "" }) =>
    pageOf(tx.need("invoice", id).lines.data, `/v1/invoices/${id}/lines`, params),
  ),
  route("POST", "/v1/invoices/:id/finalize", { auto_advance: flag }, (tx, params, { id = "" }) =>
    finalizeOnDemand(tx, tx.need("invoice", id), params.auto_advance),
  ),
  route("POST", "/v1/invoices/:id/pay", payParams, (tx, params, { id = "" }) => pay(tx, params, id)),
  route("POST", "/v1/invoices/:id/void", {}, on(voidOnDemand)),
  route("POST", "/v1/invoices/:id/mark_uncollectible", {}, on(writeOffOnDemand)),
  route("POST", "/v1/invoices/:id/send", {}, on(sendInvoice)),
];

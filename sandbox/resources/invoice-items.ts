import { redeem } from "../billing/catalogue/discounts.ts";
import { addToDraft, assertDraft, changeItem, draftOf, removeItem } from "../billing/invoices/draft-items.ts";
import { insertInvoiceItem } from "../billing/invoices/items.ts";
import { invalidParameter, invalidRequest } from "../errors.ts";
import { newId } from "../ids.ts";
import type { Kinds } from "../kinds.ts";
import { inRange, listParams, page, under } from "../list.ts";
import { metadata, withMetadata } from "../metadata.ts";
import { currency, flag, type Infer, notYet, text } from "../params.ts";
import { type Route, route } from "../router.ts";
import { isFinal } from "../states.ts";
import type { Transaction } from "../transaction.ts";
import { discounts } from "./common-params.ts";
import { itemPrice, period, periodOf, pricedBy, repricedBy, shownPrice } from "./item-params.ts";

type InvoiceItem = Kinds["invoiceitem"];

const fields = { ...itemPrice, description: text(), discountable: flag, discounts, metadata, period };

const createParams = {
  ...fields,
  currency,
  customer: text(),
  customer_account: notYet(),
  invoice: text(),
  subscription: text(),
};

const updateParams = { ...fields, invoicing_rules: notYet() };

/** Whose item it is, and the draft it goes on, if it names one. */
function placeOf(tx: Transaction, params: Infer<typeof createParams>) {
  const invoice = params.invoice ? tx.need("invoice", params.invoice, "invoice") : undefined;
  if (invoice) assertDraft(invoice);
  const id = params.customer ?? invoice?.customer;
  if (!id) throw invalidParameter("customer", "Missing required param: customer.", "parameter_missing");
  const customer = tx.need("customer", id, "customer");
  if (invoice && invoice.customer !== customer.id) {
    throw invalidRequest("The invoice does not belong to the customer.", { param: "invoice" });
  }
  if (params.subscription) assertBillable(tx, params.subscription, customer.id);
  return { customer, invoice };
}

function assertBillable(tx: Transaction, id: string, customer: string): void {
  const subscription = tx.need("subscription", id, "subscription");
  const isOther = subscription.customer !== customer;
  if (!isOther && !isFinal("subscription", subscription.status)) return;
  throw invalidRequest(
    isOther
      ? "The subscription does not belong to the customer."
      : `The subscription is ${subscription.status}: nothing can be added to it.`,
    { param: "subscription" },
  );
}

function create(tx: Transaction, params: Infer<typeof createParams>): InvoiceItem {
  const { customer, invoice } = placeOf(tx, params);
  const wanted = params.currency ?? invoice?.currency ?? null;
  const priced = pricedBy(
    tx,
    params,
    wanted ?? (params.pricing || params.price_data ? null : (customer.currency ?? null)),
  );
  if (!priced) {
    throw invalidParameter(
      "amount",
      "One of the following parameters must be provided: amount, pricing, price_data, or unit_amount_decimal.",
      "parameter_missing",
    );
  }
  if (invoice && invoice.currency !== priced.currency) {
    throw invalidRequest(
      `The currency of the invoice item (${priced.currency}) must be that of its invoice (${invoice.currency}).`,
      { param: "currency" },
    );
  }
  const id = newId("ii");
  const item = insertInvoiceItem(tx, {
    ...priced,
    id,
    customer: customer.id,
    description: params.description ?? priced.description,
    discountable: params.discountable ?? priced.amount >= 0,
    discounts: redeemed(tx, params.discounts, { id, customer: customer.id, ...priced }),
    invoice: invoice?.id ?? null,
    metadata: withMetadata({}, params.metadata),
    parent: params.subscription
      ? { subscription_details: { subscription: params.subscription }, type: "subscription_details" }
      : null,
    period: periodOf(params.period) ?? { start: tx.now, end: tx.now },
    quantity_decimal: String(priced.quantity),
  });
  if (invoice) addToDraft(tx, invoice, [item]);
  return item;
}

/** The ids of the discounts that an item's `discounts` become. */
export function redeemed(
  tx: Transaction,
  given: Infer<{ discounts: typeof discounts }>["discounts"],
  item: Pick<InvoiceItem, "id" | "customer" | "currency" | "amount">,
): string[] {
  const { id: invoice_item, customer, currency, amount } = item;
  return redeem(tx, given ?? [], { customer, currency, amount, invoice_item }).map(({ id }) => id);
}

function update(tx: Transaction, params: Infer<typeof updateParams>, id: string): InvoiceItem {
  const before = tx.need("invoiceitem", id);
  draftOf(tx, before);
  return changeItem(tx, before, itemPatch(tx, before, params));
}

/** What a request changes of an item. */
export function itemPatch(
  tx: Transaction,
  before: InvoiceItem,
  params: Infer<typeof fields>,
): Partial<InvoiceItem> {
  if (params.discountable && before.proration) {
    throw invalidRequest("Prorations cannot be discountable.", { param: "discountable" });
  }
  const priced = repricedBy(tx, params, before);
  const amount = priced?.amount ?? before.amount;
  return {
    ...(priced && shownPrice(priced)),
    ...(params.description !== undefined && { description: params.description }),
    ...(params.discountable !== undefined && { discountable: params.discountable }),
    ...(params.discounts !== undefined && {
      discounts: redeemed(tx, params.discounts, { ...before, amount }),
    }),
    metadata: withMetadata(before.metadata ?? {}, params.metadata),
    ...(params.period && { period: periodOf(params.period)! }),
  };
}

const filters = {
  customer: text(),
  customer_account: notYet(),
  invoice: text(),
  pending: flag,
};

function listItems(tx: Transaction, params: Infer<typeof filters & typeof listParams>) {
  const { customer, invoice, pending, created, ...request } = params;
  const keep = (item: InvoiceItem) =>
    inRange(item.date, created) &&
    (!customer || item.customer === customer) &&
    (pending === undefined || (item.invoice === null) === pending);
  const where = under({ invoice, customer });
  return page(tx, { kind: "invoiceitem", url: "/v1/invoiceitems", where, keep }, request);
}

export const invoiceItemRoutes: Route[] = [
  route("POST", "/v1/invoiceitems", createParams, create),
  route("GET", "/v1/invoiceitems", { ...listParams, ...filters }, listItems),
  route("GET", "/v1/invoiceitems/:id", {}, (tx, _params, { id = "" }) => tx.need("invoiceitem", id)),
  route("POST", "/v1/invoiceitems/:id", updateParams, (tx, params, { id = "" }) => update(tx, params, id)),
  route("DELETE", "/v1/invoiceitems/:id", {}, (tx, _params, { id = "" }) =>
    removeItem(tx, tx.need("invoiceitem", id)),
  ),
];

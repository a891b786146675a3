import { shownCurrencyOptions } from "./billing/catalogue/price-terms.ts";
import { balances } from "./billing/customers/customer-balance.ts";
import { taxIdsOf, taxOf } from "./billing/customers/tax-ids.ts";
import { invalidParameter } from "./errors.ts";
import type { Kind, Kinds } from "./kinds.ts";
import { pageOf } from "./list.ts";
import type { Transaction } from "./transaction.ts";

const MAX_LEVELS = 4;

/**
 * Fields that hold an id and can hold the object, by the object that has them; dots lead inside.
 * Several kinds: any of them. Null marks those that Stripe expands but whose objects the sandbox does not keep yet.
 */
const expandable: Record<string, Record<string, Kind | readonly Kind[] | null>> = {
  balance_transaction: { source: ["charge", "refund", "dispute"] },
  "billing_portal.session": { configuration: "billing_portal.configuration" },
  charge: {
    balance_transaction: "balance_transaction",
    customer: "customer",
    failure_balance_transaction: "balance_transaction",
    payment_intent: "payment_intent",
    review: null,
  },
  "checkout.session": {
    customer: "customer",
    invoice: "invoice",
    payment_intent: "payment_intent",
    payment_link: null,
    setup_intent: "setup_intent",
    subscription: "subscription",
  },
  credit_note: {
    customer: "customer",
    customer_balance_transaction: "customer_balance_transaction",
    invoice: "invoice",
    "refunds.refund": "refund",
  },
  customer: {
    default_source: null,
    "invoice_settings.default_payment_method": "payment_method",
    test_clock: "test_helpers.test_clock",
  },
  customer_balance_transaction: {
    checkout_session: "checkout.session",
    credit_note: "credit_note",
    customer: "customer",
    invoice: "invoice",
  },
  discount: { customer: "customer", promotion_code: "promotion_code", "source.coupon": "coupon" },
  dispute: { charge: "charge", payment_intent: "payment_intent" },
  invoice: {
    customer: "customer",
    default_payment_method: "payment_method",
    discounts: "discount",
    "parent.subscription_details.subscription": "subscription",
    test_clock: "test_helpers.test_clock",
    "total_discount_amounts.discount": "discount",
  },
  invoice_payment: {
    invoice: "invoice",
    "payment.charge": "charge",
    "payment.payment_intent": "payment_intent",
  },
  invoiceitem: {
    customer: "customer",
    discounts: "discount",
    invoice: "invoice",
    "pricing.price_details.price": "price",
    test_clock: "test_helpers.test_clock",
  },
  line_item: {
    "discount_amounts.discount": "discount",
    discounts: "discount",
    "pricing.price_details.price": "price",
    subscription: "subscription",
  },
  payment_intent: {
    customer: "customer",
    latest_charge: "charge",
    payment_method: "payment_method",
    review: null,
  },
  payment_method: { customer: "customer" },
  price: { product: "product" },
  product: { default_price: "price" },
  promotion_code: { customer: "customer", "promotion.coupon": "coupon" },
  refund: {
    balance_transaction: "balance_transaction",
    charge: "charge",
    failure_balance_transaction: "balance_transaction",
    payment_intent: "payment_intent",
  },
  search_result: { total_count: null },
  setup_intent: { customer: "customer", mandate: null, payment_method: "payment_method" },
  subscription: {
    customer: "customer",
    default_payment_method: "payment_method",
    default_source: null,
    discounts: "discount",
    latest_invoice: "invoice",
    pending_setup_intent: "setup_intent",
    schedule: "subscription_schedule",
    test_clock: "test_helpers.test_clock",
  },
  tax_id: { customer: "customer", "owner.customer": "customer" },
  subscription_item: { discounts: "discount" },
  subscription_schedule: {
    customer: "customer",
    "default_settings.default_payment_method": "payment_method",
    "phases.add_invoice_items.price": "price",
    "phases.default_payment_method": "payment_method",
    "phases.discounts.coupon": "coupon",
    "phases.discounts.promotion_code": "promotion_code",
    "phases.items.price": "price",
    released_subscription: null,
    subscription: "subscription",
    test_clock: "test_helpers.test_clock",
  },
};

type Includes<T> = Record<string, (tx: Transaction, owner: T) => object | null | undefined>;

/** Fields that are only there when they are asked for. */
const includable: { [K in Kind]?: Includes<Kinds[K]> } = {
  "checkout.session": {
    line_items: (tx, session) =>
      pageOf(
        tx.need("checkout_details", session.id).line_items,
        `/v1/checkout/sessions/${session.id}/line_items`,
        {},
      ),
  },
  charge: {
    refunds: (tx, charge) =>
      pageOf(
        [...tx.newest("refund", { index: "charge", key: charge.id })],
        `/v1/charges/${charge.id}/refunds`,
        {},
      ),
  },
  coupon: {
    applies_to: (tx, coupon) => {
      const { products } = tx.need("coupon_terms", coupon.id);
      return products ? { products } : undefined;
    },
    currency_options: (tx, coupon) => tx.need("coupon_terms", coupon.id).currency_options,
  },
  customer: {
    tax: taxOf,
    tax_ids: (tx, { id }) => pageOf(taxIdsOf(tx, id), `/v1/customers/${id}/tax_ids`, {}),
    invoice_credit_balance: balances,
    subscriptions: (tx, customer) =>
      pageOf(
        [...tx.newest("subscription", { index: "customer", key: customer.id })].filter(
          (s) => s.status !== "canceled",
        ),
        `/v1/customers/${customer.id}/subscriptions`,
        {},
      ),
  },
  invoice: {
    confirmation_secret: (tx, invoice) => {
      const id = tx.find("invoice_payment", "invoice", invoice.id)?.payment.payment_intent;
      const client_secret = id && tx.need("payment_intent", id).client_secret;
      return client_secret ? { client_secret, type: "payment_intent" } : null;
    },
    payments: (tx, invoice) =>
      pageOf(
        [...tx.newest("invoice_payment", { index: "invoice", key: invoice.id })],
        "/v1/invoice_payments",
        {},
      ),
  },
  price: {
    currency_options: (tx, price) => shownCurrencyOptions(price, tx.get("price_terms", price.id)),
    tiers: (tx, price) =>
      price.billing_scheme === "tiered" ? tx.get("price_terms", price.id)?.tiers : undefined,
  },
};

type Node = Record<string, unknown>;

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null;

/** `owner`: the kind of Stripe object that `node` is in; `inside`: the way from that object to `node`. */
interface Place {
  owner: string;
  inside: string;
}

/**
 * The answer with ids replaced by their objects along `paths` (`latest_invoice.payments`, in lists
 * `data.customer`), to four levels. The stored rows are left alone.
 */
export function expand(tx: Transaction, answer: object, paths: string[]): object {
  if (paths.length === 0) return answer;
  const copy = structuredClone(answer) as Node;
  for (const [index, path] of paths.entries()) {
    const segments = path.split(".");
    if (segments.length > MAX_LEVELS) {
      const message = `You cannot expand more than ${MAX_LEVELS} levels of a property. Property: ${path}`;
      throw invalidParameter(`expand[${index}]`, message);
    }
    follow(tx, copy, segments, { owner: String(copy.object), inside: "" }, path);
  }
  return copy;
}

function follow(tx: Transaction, node: Node, segments: string[], place: Place, path: string): void {
  const [head, ...rest] = segments;
  if (head === undefined) return;
  if ((node.object === "list" || node.object === "search_result") && head === "data") {
    for (const entry of node.data as Node[])
      follow(tx, entry, rest, { owner: String(entry.object), inside: "" }, path);
    return;
  }
  const inside = place.inside ? `${place.inside}.${head}` : head;
  const here = { owner: place.owner, inside };
  node[head] = expanded(tx, node, head, here);
  const next = node[head];
  const isObject = isNode(next) && typeof next.object === "string";
  if (!isObject && !isOnTheWay(here, rest.length === 0)) throw cannotExpand(path);
  for (const entry of Array.isArray(next) ? next : [next]) {
    if (!isNode(entry)) continue;
    const isStripes = typeof entry.object === "string";
    follow(tx, entry, rest, isStripes ? { owner: String(entry.object), inside: "" } : here, path);
  }
}

/** Whether something can be expanded here or, unless the path ends here, further inside. */
function isOnTheWay({ owner, inside }: Place, isEnd: boolean): boolean {
  const known = [...Object.keys(expandable[owner] ?? {}), ...Object.keys(includable[owner as Kind] ?? {})];
  return known.some((name) => name === inside || (!isEnd && name.startsWith(`${inside}.`)));
}

function expanded(tx: Transaction, node: Node, head: string, { owner, inside }: Place): unknown {
  const value = node[head];
  const include = (includable[owner as Kind] as Includes<Node> | undefined)?.[inside];
  if (include && value === undefined) return structuredClone(include(tx, node));
  const kinds = [expandable[owner]?.[inside] ?? []].flat();
  if (kinds.length === 0) return value;
  const find = (id: string) => kinds.map((kind) => tx.get(kind, id)).find((row) => row !== undefined);
  const object = (id: unknown) =>
    typeof id === "string" ? structuredClone(find(id) ?? tx.get("deleted", id) ?? id) : id;
  return Array.isArray(value) ? value.map(object) : object(value);
}

function cannotExpand(path: string) {
  return invalidParameter("expand", `This property cannot be expanded (${path}).`);
}

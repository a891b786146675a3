import { invalidParameter } from "./errors.ts";
import type { Kind, Kinds } from "./kinds.ts";
import { pageOf } from "./list.ts";
import type { Transaction } from "./transaction.ts";

const MAX_LEVELS = 4;

/**
 * Fields that hold an id and can hold the object, by the object that has them; dots lead inside.
 * Null marks those that Stripe expands but whose objects the sandbox does not keep yet.
 */
const expandable: Record<string, Record<string, Kind | null>> = {
  charge: {
    balance_transaction: null,
    customer: "customer",
    payment_intent: "payment_intent",
    review: null,
  },
  "checkout.session": {
    customer: "customer",
    invoice: "invoice",
    payment_intent: "payment_intent",
    payment_link: null,
    setup_intent: null,
    subscription: "subscription",
  },
  customer: {
    default_source: null,
    "invoice_settings.default_payment_method": "payment_method",
    test_clock: null,
  },
  invoice: {
    customer: "customer",
    default_payment_method: "payment_method",
    discounts: null,
    "parent.subscription_details.subscription": "subscription",
    test_clock: null,
  },
  invoice_payment: {
    invoice: "invoice",
    "payment.charge": "charge",
    "payment.payment_intent": "payment_intent",
  },
  line_item: { discounts: null, "pricing.price_details.price": "price", subscription: "subscription" },
  payment_intent: {
    customer: "customer",
    latest_charge: "charge",
    payment_method: "payment_method",
    review: null,
  },
  payment_method: { customer: "customer" },
  price: { product: "product" },
  product: { default_price: "price" },
  subscription: {
    customer: "customer",
    default_payment_method: "payment_method",
    default_source: null,
    discounts: null,
    latest_invoice: "invoice",
    pending_setup_intent: null,
    schedule: null,
    test_clock: null,
  },
};

type Includes<T> = Record<string, (tx: Transaction, owner: T) => object | null>;

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
    refunds: (_tx, charge) => pageOf([], `/v1/charges/${charge.id}/refunds`, {}),
  },
  customer: {
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
  if (node.object === "list" && head === "data") {
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
  if (!isNode(next)) return;
  follow(tx, next, rest, isObject ? { owner: String(next.object), inside: "" } : here, path);
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
  const kind = expandable[owner]?.[inside];
  if (!kind || typeof value !== "string") return value;
  return structuredClone(tx.get(kind, value) ?? tx.get("deleted", value) ?? value);
}

function cannotExpand(path: string) {
  return invalidParameter("expand", `This property cannot be expanded (${path}).`);
}

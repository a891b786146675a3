import type { IndexOf } from "../../indexes.ts";
import type { Kind, Kinds } from "../../kinds.ts";
import { formatMoney } from "../../money.ts";
import type { Html } from "../html.ts";

type Cell = Html | string | number | null | undefined;

/** What a cell shows: text, or a value with a meaning that the page knows how to show. */
export type Content =
  | { text: Cell }
  | { id: string | null | undefined }
  | { customer: string | null | undefined }
  | { status: string | null | undefined }
  | { at: number | null | undefined }
  | { money: string };

export interface Column<T> {
  title: string;
  of(row: T): Content;
}

/** A list of one kind: what it shows of each object, and what it can be narrowed down by. */
export interface View<K extends Kind = Kind> {
  name: string;
  title: string;
  kind: K;
  columns: Column<Kinds[K]>[];
  /** The index that finds a customer's objects. */
  byCustomer?: IndexOf<K>;
  statuses?: string[];
  statusOf?(row: Kinds[K]): string | null | undefined;
}

/** Lets a table hold views of many kinds, each checked against its own. */
const view = <K extends Kind>(of: View<K>): View => of as unknown as View;

const words = (text: string) => text.split(" ");
const at = (seconds: number | null | undefined): Content => ({ at: seconds });
const money = (amount: number, currency: string): Content => ({ money: formatMoney(amount, currency) });

export const views: View[] = [
  view({
    name: "customers",
    title: "Customers",
    kind: "customer",
    columns: [
      { title: "Customer", of: (row) => ({ id: row.id }) },
      { title: "Name", of: (row) => ({ text: row.name }) },
      { title: "Email", of: (row) => ({ text: row.email }) },
      { title: "Test clock", of: (row) => ({ id: row.test_clock }) },
      { title: "Created", of: (row) => at(row.created) },
    ],
  }),
  view({
    name: "subscriptions",
    title: "Subscriptions",
    kind: "subscription",
    byCustomer: "customer",
    statuses: words("active trialing incomplete past_due unpaid paused canceled incomplete_expired"),
    statusOf: (row) => row.status,
    columns: [
      { title: "Subscription", of: (row) => ({ id: row.id }) },
      { title: "Status", of: (row) => ({ status: row.status }) },
      { title: "Customer", of: (row) => ({ customer: row.customer }) },
      { title: "Latest invoice", of: (row) => ({ id: row.latest_invoice }) },
      { title: "Period ends", of: (row) => at(periodEnd(row)) },
      { title: "Cancels", of: (row) => at(row.cancel_at) },
    ],
  }),
  view({
    name: "invoices",
    title: "Invoices",
    kind: "invoice",
    byCustomer: "customer",
    statuses: words("draft open paid uncollectible void"),
    statusOf: (row) => row.status,
    columns: [
      { title: "Invoice", of: (row) => ({ id: row.id }) },
      { title: "Number", of: (row) => ({ text: row.number }) },
      { title: "Status", of: (row) => ({ status: row.status }) },
      { title: "Total", of: (row) => money(row.total, row.currency) },
      { title: "Reason", of: (row) => ({ text: row.billing_reason?.replaceAll("_", " ") }) },
      { title: "Customer", of: (row) => ({ customer: row.customer }) },
      { title: "Created", of: (row) => at(row.created) },
    ],
  }),
  view({
    name: "payments",
    title: "Payments",
    kind: "payment_intent",
    byCustomer: "customer",
    statuses: words(
      "succeeded requires_payment_method requires_confirmation requires_action processing requires_capture canceled",
    ),
    statusOf: (row) => row.status,
    columns: [
      { title: "Payment intent", of: (row) => ({ id: row.id }) },
      { title: "Status", of: (row) => ({ status: row.status }) },
      { title: "Amount", of: (row) => money(row.amount, row.currency) },
      { title: "Charge", of: (row) => ({ id: row.latest_charge }) },
      { title: "Customer", of: (row) => ({ customer: row.customer }) },
      { title: "Created", of: (row) => at(row.created) },
    ],
  }),
];

const periodEnd = (row: Kinds["subscription"]) =>
  Math.max(...row.items.data.map((item) => item.current_period_end));

/** The ways through the pages; the empty name is the overview. */
export const tabs: { name: string; title: string }[] = [
  { name: "", title: "Overview" },
  ...views.map(({ name, title }) => ({ name, title })),
  { name: "events", title: "Events" },
  { name: "requests", title: "Requests" },
  { name: "all", title: "Everything else" },
];

/** Kinds that have no view of their own, and are Stripe's. */
const OTHERS: Kind[] = [
  "balance_transaction",
  "billing.meter",
  "billing_portal.configuration",
  "billing_portal.session",
  "charge",
  "checkout.session",
  "coupon",
  "credit_note",
  "customer_balance_transaction",
  "discount",
  "dispute",
  "invoice_payment",
  "invoiceitem",
  "payment_method",
  "price",
  "product",
  "promotion_code",
  "refund",
  "setup_intent",
  "subscription_schedule",
  "test_helpers.test_clock",
  "webhook_endpoint",
];

interface AnyRow {
  id: string;
  status?: string | null;
  customer?: string | null;
  created?: number;
}

/** A view of any kind: what most objects have. */
export const plainViews: View[] = OTHERS.map((kind) => ({
  name: kind,
  title: kind.replaceAll(/[._]/g, " "),
  kind,
  columns: [
    { title: "Object", of: (row: AnyRow) => ({ id: row.id }) },
    { title: "Status", of: (row: AnyRow) => ({ status: row.status }) },
    { title: "Customer", of: (row: AnyRow) => ({ customer: row.customer }) },
    { title: "Created", of: (row: AnyRow) => at(row.created) },
  ] as Column<Kinds[Kind]>[],
}));

/** Kinds that an id may be of: those of the views, and events. */
export const SHOWN_KINDS: Kind[] = [...views.map(({ kind }) => kind), ...OTHERS, "event", "deleted"];

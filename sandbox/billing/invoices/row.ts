import { DAY_SECONDS } from "../../clock.ts";
import type { Kinds } from "../../kinds.ts";
import type { InvoiceLine } from "./lines.ts";
import { dueOf, type Totals } from "./totals.ts";

type Invoice = Kinds["invoice"];

/** Drafts that advance by themselves are finalized after this long. */
export const DRAFT_SECONDS = 3600;
/** When a sent invoice is due, unless it is said otherwise. */
const DAYS_UNTIL_DUE = 30;

/** What a new invoice is made from. */
export interface InvoiceInput {
  customer: Kinds["customer"];
  /** The subscription that it bills; null for one made by hand. */
  subscription: Kinds["subscription"] | null;
  billing_reason: NonNullable<Invoice["billing_reason"]>;
  currency: string;
  /** Their `invoice` is filled in. */
  lines: InvoiceLine[];
  /** Pending items that it takes, before its lines; see `pendingItems`. */
  items?: Kinds["invoiceitem"][];
  /** Known beforehand when something has to name the invoice first. */
  id?: string;
  /** Ids of the discounts of the whole invoice; without it, those running on the subscription or customer. */
  discounts?: string[];
  /** What it looks back on; without it, the moment it is made. */
  period?: { start: number; end: number };
  collection_method?: "charge_automatically" | "send_invoice";
  days_until_due?: number | undefined;
  due_date?: number | undefined;
  default_payment_method?: string | null;
  /** Whether it is finalized and collected by itself; by default only what bills a subscription is. */
  auto_advance?: boolean;
  metadata?: Record<string, string>;
  description?: string | null;
  /** Whatever else it is to show; nothing that changes its amounts. */
  more?: Partial<Invoice>;
}

/** The amounts of an invoice that is still a draft, as the customer's balance stands. */
export function draftAmounts(totals: Totals, balance: number, currency: string) {
  const { lines: _, ...rest } = totals;
  const { amount_due } = dueOf(totals.total, balance, currency);
  return { ...rest, amount_due, amount_remaining: amount_due, starting_balance: balance };
}

/** What an invoice repeats of its customer until it is finalized. */
export function customerFields(customer: Kinds["customer"], taxIds: Invoice["customer_tax_ids"]) {
  return {
    customer_address: customer.address ?? null,
    customer_email: customer.email,
    customer_name: customer.name ?? null,
    customer_phone: customer.phone ?? null,
    customer_shipping: customer.shipping,
    customer_tax_exempt: customer.tax_exempt ?? "none",
    customer_tax_ids: taxIds,
  } satisfies Partial<Invoice>;
}

/** When it is due; null where it is charged. */
export function dueDate(
  { collection_method, days_until_due = DAYS_UNTIL_DUE, due_date }: Partial<InvoiceInput>,
  now: number,
): number | null {
  if (collection_method !== "send_invoice") return null;
  return due_date ?? now + days_until_due * DAY_SECONDS;
}

/** The page of lines that an invoice carries. */
export function linesOf(id: string, lines: InvoiceLine[]): Invoice["lines"] {
  return {
    object: "list",
    data: lines.map((line) => ({ ...line, invoice: id })),
    has_more: false,
    url: `/v1/invoices/${id}/lines`,
  };
}

function parentOf(subscription: InvoiceInput["subscription"]): Invoice["parent"] {
  if (!subscription) return null;
  return {
    quote_details: null,
    subscription_details: { metadata: subscription.metadata, subscription: subscription.id },
    type: "subscription_details",
  };
}

/** What the row of a new draft depends on besides its input. */
interface Circumstances {
  totals: Totals;
  /** The customer's balance in the invoice's currency. */
  balance: number;
  taxIds: Invoice["customer_tax_ids"];
  now: number;
}

/** The row of a new draft. */
export function invoiceRow(
  input: InvoiceInput & { id: string },
  { totals, balance, taxIds, now }: Circumstances,
): Invoice {
  const { customer, subscription, id, currency } = input;
  const auto_advance = input.auto_advance ?? subscription !== null;
  return {
    id,
    object: "invoice",
    account_country: "US",
    account_name: "Sandbox",
    account_tax_ids: null,
    amount_overpaid: 0,
    amount_paid: 0,
    amount_paid_off_stripe: 0,
    amount_shipping: 0,
    application: null,
    attempt_count: 0,
    attempted: false,
    auto_advance,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null },
    automatically_finalizes_at: auto_advance ? now + DRAFT_SECONDS : null,
    billing_reason: input.billing_reason,
    collection_method: input.collection_method ?? "charge_automatically",
    created: now,
    currency,
    custom_fields: null,
    customer: customer.id,
    customer_account: null,
    ...customerFields(customer, taxIds),
    default_payment_method: input.default_payment_method ?? null,
    default_source: null,
    default_tax_rates: [],
    description: input.description ?? null,
    discounts: input.discounts ?? [],
    due_date: dueDate(input, now),
    effective_at: null,
    ending_balance: null,
    footer: null,
    from_invoice: null,
    hosted_invoice_url: null,
    invoice_pdf: null,
    issuer: { type: "self" },
    last_finalization_error: null,
    latest_revision: null,
    lines: linesOf(id, totals.lines),
    livemode: false,
    metadata: input.metadata ?? {},
    next_payment_attempt: null,
    number: null,
    on_behalf_of: null,
    parent: parentOf(subscription),
    payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
    // A first invoice looks back on nothing: its period is the moment it is made.
    period_end: input.period?.end ?? now,
    period_start: input.period?.start ?? now,
    post_payment_credit_notes_amount: 0,
    pre_payment_credit_notes_amount: 0,
    receipt_number: null,
    rendering: null,
    shipping_cost: null,
    shipping_details: null,
    statement_descriptor: null,
    status: "draft",
    status_transitions: { finalized_at: null, marked_uncollectible_at: null, paid_at: null, voided_at: null },
    test_clock: customer.test_clock ?? null,
    webhooks_delivered_at: null,
    ...draftAmounts(totals, balance, currency),
    ...input.more,
  };
}

import type Stripe from "stripe";

/** Everything a sandbox says about money. */
interface Ledger {
  customers: Stripe.Customer[];
  movements: Map<string, Stripe.CustomerBalanceTransaction[]>;
  invoices: Stripe.Invoice[];
  links: Stripe.InvoicePayment[];
  intents: Stripe.PaymentIntent[];
  charges: Stripe.Charge[];
  refunds: Stripe.Refund[];
  disputes: Stripe.Dispute[];
  balance: Stripe.BalanceTransaction[];
  notes: Stripe.CreditNote[];
  /** Invoice items that are on no invoice yet. */
  pending: Stripe.InvoiceItem[];
  subscriptions: Stripe.Subscription[];
}

const limit = 100;

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const entry of list) found.push(entry);
  return found;
}

/** Reads it all. */
export async function readLedger(stripe: Stripe): Promise<Ledger> {
  const customers = await all(stripe.customers.list({ limit }));
  const movements = new Map<string, Stripe.CustomerBalanceTransaction[]>();
  for (const { id } of customers)
    movements.set(id, await all(stripe.customers.listBalanceTransactions(id, { limit })));
  return {
    customers,
    movements,
    invoices: await all(stripe.invoices.list({ limit, expand: ["data.discounts"] })),
    links: await all(stripe.invoicePayments.list({ limit })),
    intents: await all(stripe.paymentIntents.list({ limit })),
    charges: await all(stripe.charges.list({ limit })),
    refunds: await all(stripe.refunds.list({ limit })),
    disputes: await all(stripe.disputes.list({ limit })),
    balance: await all(stripe.balanceTransactions.list({ limit })),
    pending: await all(stripe.invoiceItems.list({ limit, pending: true })),
    notes: await all(stripe.creditNotes.list({ limit })),
    subscriptions: await all(stripe.subscriptions.list({ limit, status: "all" })),
  };
}

const sum = (numbers: (number | null | undefined)[]) =>
  numbers.reduce<number>((total, n) => total + (n ?? 0), 0);

/** What does not agree; nothing when money is conserved. */
export function disagreements(ledger: Ledger): string[] {
  return [
    ...ledger.invoices.flatMap((invoice) => ofInvoice(ledger, invoice)),
    ...ledger.intents.flatMap((intent) => ofIntent(ledger, intent)),
    ...ledger.charges.flatMap((charge) => ofCharge(ledger, charge)),
    ...ledger.customers.flatMap((customer) => ofCustomer(ledger, customer)),
    ...ledger.subscriptions.flatMap((subscription) => ofSubscription(ledger, subscription)),
    ...ofItems(ledger),
    ...ofAccount(ledger),
  ];
}

/** Which of several equations do not hold, in words. */
function unequal(what: string, equations: Record<string, [left: number, right: number]>): string[] {
  return Object.entries(equations)
    .filter(([, [left, right]]) => left !== right)
    .map(([name, [left, right]]) => `${what}: ${name}: ${left} is not ${right}`);
}

function ofInvoice({ links, notes }: Ledger, invoice: Stripe.Invoice): string[] {
  const own = links.filter((link) => link.invoice === invoice.id);
  const paid = own.filter(({ status }) => status === "paid");
  const byPayments = sum(paid.map(({ amount_paid }) => amount_paid));
  const lines = invoice.lines.data;
  const discounts = sum((invoice.total_discount_amounts ?? []).map(({ amount }) => amount));
  const before = sum(
    notes
      .filter((note) => note.invoice === invoice.id && note.status === "issued")
      .map((note) => note.pre_payment_amount),
  );
  const faults = unequal(`invoice ${invoice.id} (${invoice.status})`, {
    "lines less discounts = total": [sum(lines.map(({ amount }) => amount)) - discounts, invoice.total],
    "discounts of lines = discounts": [
      sum(lines.flatMap((line) => line.discount_amounts ?? []).map(({ amount }) => amount)),
      discounts,
    ],
    "pre-payment notes": [invoice.pre_payment_credit_notes_amount, before],
    "due = paid + remaining": [invoice.amount_due, invoice.amount_paid + invoice.amount_remaining],
  });
  if (paid.length > 1) faults.push(`invoice ${invoice.id} was paid ${paid.length} times`);
  if (invoice.status === "paid" && invoice.amount_remaining !== 0) faults.push(`${invoice.id} owes more`);
  if (invoice.status !== "paid" && paid.length > 0) faults.push(`${invoice.id} has money and is not paid`);
  if (invoice.status === "paid" && paid.length > 0 && byPayments !== invoice.amount_paid)
    faults.push(`${invoice.id}: payments of ${byPayments} for ${invoice.amount_paid}`);
  if (invoice.amount_due < 0 || invoice.amount_paid < 0) faults.push(`${invoice.id} is below zero`);
  return faults;
}

function ofIntent({ charges }: Ledger, intent: Stripe.PaymentIntent): string[] {
  const own = charges.filter((charge) => charge.payment_intent === intent.id);
  const good = own.filter(({ status }) => status === "succeeded");
  const faults = unequal(`intent ${intent.id} (${intent.status})`, {
    "received = captured": [intent.amount_received, sum(good.map(({ amount_captured }) => amount_captured))],
  });
  if (good.length > 1) faults.push(`${intent.id} was charged ${good.length} times`);
  if (intent.status === "succeeded" && good.length !== 1)
    faults.push(`${intent.id} succeeded by ${good.length}`);
  return faults;
}

function ofCharge({ refunds, disputes }: Ledger, charge: Stripe.Charge): string[] {
  const own = refunds.filter((refund) => refund.charge === charge.id);
  const held = own.filter(({ status }) => status !== "failed" && status !== "canceled");
  const disputed = disputes.filter((dispute) => dispute.charge === charge.id);
  const faults = unequal(`charge ${charge.id}`, {
    "refunded = refunds": [charge.amount_refunded, sum(held.map(({ amount }) => amount))],
    "disputed = has disputes": [Number(charge.disputed), Number(disputed.length > 0)],
  });
  if (charge.amount_refunded < 0 || charge.amount_refunded > charge.amount_captured)
    faults.push(`${charge.id}: ${charge.amount_refunded} refunded of ${charge.amount_captured}`);
  if (charge.captured && charge.refunded !== (charge.amount_refunded === charge.amount_captured))
    faults.push(`${charge.id}: refunded is ${charge.refunded}`);
  return faults;
}

function ofCustomer({ movements, invoices }: Ledger, customer: Stripe.Customer): string[] {
  const own = (movements.get(customer.id) ?? []).filter(({ currency }) => currency === customer.currency);
  const faults = unequal(`customer ${customer.id}`, {
    "balance = movements": [customer.balance, sum(own.map(({ amount }) => amount))],
  });
  for (const invoice of invoices.filter((one) => one.customer === customer.id && one.status !== "draft")) {
    const applied = own.filter(
      ({ invoice: id, type }) =>
        id === invoice.id && (type === "applied_to_invoice" || type === "invoice_too_small"),
    );
    const moved = sum(applied.map(({ amount }) => amount));
    if (invoice.ending_balance !== null && invoice.ending_balance - invoice.starting_balance !== moved)
      faults.push(
        `${invoice.id}: balance ${invoice.starting_balance} → ${invoice.ending_balance}, moved ${moved}`,
      );
  }
  return faults;
}

function ofSubscription({ intents, invoices, links }: Ledger, subscription: Stripe.Subscription): string[] {
  const own = invoices.filter(
    (invoice) => invoice.parent?.subscription_details?.subscription === subscription.id,
  );
  const first = own.at(-1);
  if (subscription.status === "active" && first?.billing_reason === "subscription_create") {
    const payments = links.filter(({ invoice }) => invoice === first.id).map(({ payment }) => payment);
    const isUnderWay = intents.some(
      ({ id, status }) =>
        status === "processing" && payments.some(({ payment_intent }) => payment_intent === id),
    );
    if (first.status === "open" && first.collection_method === "charge_automatically" && !isUnderWay)
      return [`${subscription.id} is active and its first invoice open`];
  }
  return [];
}

/** No item of a subscription has had more given back than was billed for it. */
function ofItems({ invoices, pending }: Ledger): string[] {
  const billed = new Map<string, number>();
  const add = (item: string | null | undefined, amount: number) =>
    item && billed.set(item, (billed.get(item) ?? 0) + amount);
  for (const { lines, status } of invoices) {
    for (const { amount, discount_amounts, parent } of lines.data) {
      // What a void invoice gave back was not given, but what it asked for was asked for.
      if (status === "void" && amount < 0) continue;
      const net = amount - sum((discount_amounts ?? []).map((part) => part.amount));
      add(parent?.subscription_item_details?.subscription_item, net);
    }
  }
  for (const { amount, parent } of pending) add(parent?.subscription_details?.subscription_item, amount);
  return [...billed].flatMap(([item, net]) => (net < 0 ? [`${item} was billed ${net} in all`] : []));
}

/** What the account has is what was charged, less what went back and what Stripe keeps. */
function ofAccount({ balance, charges, refunds, disputes }: Ledger): string[] {
  const good = charges.filter(({ status, captured }) => status === "succeeded" && captured);
  const of = (...types: Stripe.BalanceTransaction["type"][]) =>
    sum(balance.filter(({ type }) => types.includes(type)).map(({ amount }) => amount));
  const gone = refunds.filter(({ status }) => status !== "failed" && status !== "canceled");
  const withdrawn = disputes.filter(({ status }) => !status.startsWith("warning") && status !== "won");
  return unequal("account", {
    "charges and refunds": [
      of("charge", "payment", "refund", "payment_refund", "refund_failure", "payment_failure_refund"),
      sum(good.map((charge) => charge.amount_captured)) - sum(gone.map(({ amount }) => amount)),
    ],
    disputes: [of("adjustment"), -sum(withdrawn.map(({ amount }) => amount))],
    "net = amount - fees": [
      sum(balance.map(({ net }) => net)),
      sum(balance.map(({ amount }) => amount)) - sum(balance.map(({ fee }) => fee)),
    ],
  });
}

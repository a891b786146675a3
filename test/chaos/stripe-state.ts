import type Stripe from "stripe";
import type { Learner, World } from "./world.ts";

/** Everything that Stripe knows about our learners at one moment, each object with the learner's id. */
export interface StripeState {
  /** The learner behind a customer; none for another program's. */
  ownerOf(customer: string | { id: string } | null | undefined): string | undefined;
  customers: Stripe.Customer[];
  methods: Map<string, Stripe.PaymentMethod[]>;
  sessions: Stripe.Checkout.Session[];
  subscriptions: Stripe.Subscription[];
  invoices: { invoice: Stripe.Invoice; payments: Stripe.InvoicePayment[] }[];
  intents: Stripe.PaymentIntent[];
  charges: Stripe.Charge[];
  refunds: Stripe.Refund[];
  disputes: Stripe.Dispute[];
}

const ALL = { limit: 10_000 };

/** The id of what is given by id or in full. */
export const idOf = (reference: string | { id: string } | null | undefined): string | null =>
  reference == null ? null : typeof reference === "string" ? reference : reference.id;

/** Reads all of it. The sandbox holds one history at a time. */
export async function readStripe({
  stripe,
  learners,
}: Pick<World, "stripe" | "learners">): Promise<StripeState> {
  const [customers, sessions, subscriptions, invoices, intents, charges, refunds, disputes] =
    await Promise.all([
      stripe.customers.list({ limit: 100 }).autoPagingToArray(ALL),
      stripe.checkout.sessions.list({ limit: 100 }).autoPagingToArray(ALL),
      stripe.subscriptions.list({ limit: 100, status: "all" }).autoPagingToArray(ALL),
      stripe.invoices.list({ limit: 100 }).autoPagingToArray(ALL),
      stripe.paymentIntents.list({ limit: 100 }).autoPagingToArray(ALL),
      stripe.charges.list({ limit: 100 }).autoPagingToArray(ALL),
      stripe.refunds.list({ limit: 100 }).autoPagingToArray(ALL),
      stripe.disputes.list({ limit: 100 }).autoPagingToArray(ALL),
    ]);
  const owners = new Map(learners.flatMap(({ id, deleted }) => deleted.map((customer) => [customer, id])));
  for (const { id, metadata } of customers)
    if (learners.some((learner) => learner.id === metadata.cmh_user_id))
      owners.set(id, metadata.cmh_user_id as string);
  const ownerOf: StripeState["ownerOf"] = (customer) => owners.get(idOf(customer) ?? "");
  const isOurs = ({ customer }: { customer?: string | { id: string } | null }) => ownerOf(customer);
  const ours = customers.filter(({ id }) => owners.has(id));
  const ourCharges = charges.filter(isOurs);
  const chargeIds = new Set(ourCharges.map(({ id }) => id));
  const isOfOurs = ({ charge }: { charge?: string | { id: string } | null }) =>
    chargeIds.has(idOf(charge) ?? "");
  return {
    ownerOf,
    customers: ours,
    methods: new Map(
      await Promise.all(
        ours.map(
          async ({ id }) =>
            [id, (await stripe.customers.listPaymentMethods(id, { limit: 100 })).data] as const,
        ),
      ),
    ),
    sessions: sessions.filter(isOurs),
    subscriptions: subscriptions.filter(isOurs),
    invoices: await Promise.all(
      invoices.filter(isOurs).map(async (invoice) => ({
        invoice,
        payments: (await stripe.invoicePayments.list({ invoice: invoice.id, limit: 100 })).data,
      })),
    ),
    intents: intents.filter(isOurs),
    charges: ourCharges,
    refunds: refunds.filter(isOfOurs),
    disputes: disputes.filter(isOfOurs),
  };
}

/** The subscription that an invoice bills. */
export const billedBy = (invoice: Stripe.Invoice): string | null =>
  idOf(invoice.parent?.subscription_details?.subscription);

/** Learners who have, or had, a customer at Stripe. */
export const knownLearners = ({ learners }: World, { customers, ownerOf }: StripeState): Learner[] =>
  learners.filter(
    ({ id, deleted }) => deleted.length > 0 || customers.some((customer) => ownerOf(customer.id) === id),
  );

import type Stripe from "stripe";
import { isPseudonym, OPAQUE_ID } from "../auth/caller.ts";
import { Customer } from "../entities/customer.ts";
import { FormerCustomer } from "../entities/former-customer.ts";
import { PaymentMethod } from "../entities/payment-method.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { USER_ID } from "../stripe/metadata.ts";
import { findRow, mirrorKnown, mirrorWhole } from "./mirror.ts";
import { blankNobodys, detachNobodys, pseudonymFor } from "./nobodys.ts";
import type { Journey } from "./road.ts";
import { currencyOf, idOf, instantOf } from "./values.ts";
import type { Write } from "./write.ts";

export interface RemoteCustomer {
  customer: Stripe.Customer | Stripe.DeletedCustomer;
  methods: Stripe.PaymentMethod[];
}

/** A Stripe customer with the methods attached to it. */
export function customerJourney(
  stripe: StripeGateway,
  id: string,
  knownUser: () => Promise<string | null>,
): Journey<RemoteCustomer> {
  return {
    objectId: id,
    async read() {
      // one that Stripe does not know is as good as deleted
      const customer = (await stripe.customer(id)) ?? ({ id, object: "customer", deleted: true } as const);
      return { customer, methods: customer.deleted ? [] : await stripe.paymentMethods(id) };
    },
    async owner({ customer }) {
      return customer.deleted ? knownUser() : ourUser(customer);
    },
    async write({ customer, methods }, write) {
      if (customer.deleted) return writeDeleted(id, write);
      const isTheirs = await writeCustomer(customer, write);
      if (!isTheirs) return;
      await writeMethods(methods, idOf(customer.invoice_settings.default_payment_method), write);
      await detachNobodys(write, id, methods);
    },
    nobody: {
      pseudonym: async () => pseudonymFor(id, await knownUser()),
      write: (_remote, write) => blankNobodys(write, id),
    },
  };
}

/** The user that a customer at Stripe is; null when it is another application's. */
export function ourUser({ metadata }: Stripe.Customer): string | null {
  const userId = metadata[USER_ID];
  return userId && OPAQUE_ID.test(userId) ? userId : null;
}

/** Whether it is the user's one customer, and so is written. */
async function writeCustomer(customer: Stripe.Customer, write: Write): Promise<boolean> {
  const { tx, userId, audit } = write;
  const known = await findRow(tx, Customer, { userId });
  if (known && known.stripeCustomerId !== customer.id) {
    // a second customer for one user cannot be made by us; one made elsewhere does not replace the first
    if (!known.isDeleted) return false;
    await rememberFormer(known, write);
  }
  const change = mirrorKnown(tx, Customer, known, {
    userId,
    stripeCustomerId: customer.id,
    email: isPseudonym(userId) ? null : (customer.email ?? null),
    currency: customer.currency ? currencyOf(customer.currency) : null,
    defaultPaymentMethodId: idOf(customer.invoice_settings.default_payment_method),
    isDeleted: false,
  });
  audit("customers", userId, change);
  return true;
}

/** One that is replaced left things behind at Stripe, whose events may yet come: they tell no other owner. */
async function rememberFormer({ stripeCustomerId, userId }: Customer, { tx, now }: Write): Promise<void> {
  await tx.upsert(FormerCustomer, { stripeCustomerId, userId, replacedAt: now });
}

async function writeDeleted(id: string, write: Write): Promise<void> {
  const { tx, userId, audit } = write;
  const known = await tx.findOne(Customer, { userId, stripeCustomerId: id });
  if (!known) return;
  audit("customers", userId, mirrorKnown(tx, Customer, known, { isDeleted: true }));
  const methods = await mirrorWhole(tx, PaymentMethod, methodsOf(userId), []);
  for (const { id } of methods.gone) write.auditGone("payment_methods", id);
}

const methodsOf = (userId: string) => ({ key: "stripePaymentMethodId", owner: { userId } }) as const;

async function writeMethods(
  methods: Stripe.PaymentMethod[],
  defaultId: string | null,
  write: Write,
): Promise<void> {
  const { tx, userId } = write;
  // what a page still adds to nobody's customer is taken away, see nobodys.ts
  const rows = (isPseudonym(userId) ? [] : methods).map((method) => ({
    stripePaymentMethodId: method.id,
    userId,
    type: method.type,
    brand: method.card?.brand ?? null,
    last4: method.card?.last4 ?? method.sepa_debit?.last4 ?? null,
    expMonth: method.card?.exp_month ?? null,
    expYear: method.card?.exp_year ?? null,
    isDefault: method.id === defaultId,
    stripeCreatedAt: instantOf(method.created) as Date,
  }));
  const { changes, gone } = await mirrorWhole(tx, PaymentMethod, methodsOf(userId), rows);
  // the default moves by clearing first, since only one row may hold it at any moment
  if (changes.some(({ before, after }) => before?.isDefault && after?.isDefault === false))
    await tx.nativeUpdate(PaymentMethod, { userId, isDefault: true }, { isDefault: false });
  for (const change of changes) write.audit("payment_methods", change.row.id, change);
  for (const { id } of gone) write.auditGone("payment_methods", id);
}

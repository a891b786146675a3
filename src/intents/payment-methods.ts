import type Stripe from "stripe";
import type { Intent } from "../entities/intent.ts";
import { outcomeOf } from "../stripe/errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { INTENT_ID, USER_ID } from "../stripe/metadata.ts";
import type { IntentKind } from "./kinds.ts";

/** What a change of a customer's methods is about; the method is the intent's subject. */
interface MethodParams {
  customer: string;
  /** Whether the method is to be charged from now on, and not only if nothing else is. */
  isDefault?: boolean;
}
const paramsOf = (intent: Pick<Intent, "params">) => intent.params as unknown as MethodParams;
const touches = (intent: Pick<Intent, "params">) => paramsOf(intent).customer;

/**
 * Changes of how a customer pays. Each takes several calls, looks first at what is there, and makes only those that
 * are left to make: one that was interrupted goes on where it stopped.
 */
export const PAYMENT_METHOD_KINDS = {
  "add-payment-method": {
    async post(stripe, intent, key) {
      const { customer, isDefault } = paramsOf(intent);
      const known = await stripe.methods.find(intent.subject);
      const method =
        known?.customer === customer
          ? known
          : await stripe.methods.attach(intent.subject, customer, `${key}:attach`);
      const charged = await chargedOf(stripe, customer);
      if (isDefault || !isSettled(charged)) await charge(stripe, charged, method.id, key);
      return method;
    },
    async find(stripe, intent) {
      const { customer, isDefault } = paramsOf(intent);
      const method = await stripe.methods.find(intent.subject);
      if (method?.customer !== customer) return null;
      const charged = await chargedOf(stripe, customer);
      return !isDefault || isChargedBy(charged, method.id) ? method : null;
    },
    ...{ aggregate: "customer", touches, once: false },
  },
  "set-default-payment-method": {
    async post(stripe, intent, key) {
      const charged = await chargedOf(stripe, paramsOf(intent).customer);
      await charge(stripe, charged, intent.subject, key);
      return { id: intent.subject };
    },
    async find(stripe, intent) {
      const charged = await chargedOf(stripe, paramsOf(intent).customer);
      return isChargedBy(charged, intent.subject) ? { id: intent.subject } : null;
    },
    ...{ aggregate: "customer", touches, once: false },
  },
  "remove-payment-method": {
    async post(stripe, intent, key) {
      const { subject } = intent;
      const { customer } = paramsOf(intent);
      if ((await stripe.methods.find(subject))?.customer !== customer) return { id: subject };
      const charged = await chargedOf(stripe, customer);
      // the heir first: at no moment is there nothing to charge
      const [heir] = (await stripe.paymentMethods(customer)).filter(({ id }) => id !== subject);
      if (heir && isLeftWithout(charged, subject)) await charge(stripe, charged, heir.id, key);
      await stripe.methods.detach(subject, `${key}:detach`);
      return { id: subject };
    },
    async find(stripe, { subject, params }) {
      const method = await stripe.methods.find(subject);
      return method?.customer === paramsOf({ params }).customer ? null : { id: subject };
    },
    ...{ aggregate: "customer", touches, once: false },
  },
  "create-setup-intent": {
    post: (stripe, intent, key) =>
      stripe.methods.createSetupIntent(
        {
          customer: paramsOf(intent).customer,
          usage: "off_session",
          metadata: { [USER_ID]: intent.userId, [INTENT_ID]: intent.id },
        },
        key,
      ),
    find: (stripe, intent) =>
      stripe.methods.setupIntentByMetadata(paramsOf(intent).customer, INTENT_ID, intent.id),
    ...{ aggregate: "customer", touches, once: false },
  },
} satisfies Record<string, IntentKind>;

/** Changes of which method is charged, one at a time for a user. */
export const METHOD_CHANGES = [
  "add-payment-method",
  "set-default-payment-method",
  "remove-payment-method",
] as const satisfies readonly (keyof typeof PAYMENT_METHOD_KINDS)[];

/** What is charged as things are: the customer's default, but where a subscription names a method of its own. */
interface Charged {
  customer: string;
  byDefault: string | null;
  /** Subscriptions that name a method, which overrides the default. */
  own: { subscription: string; method: string }[];
}

async function chargedOf(stripe: StripeGateway, customer: string): Promise<Charged> {
  const [remote, subscriptions] = await Promise.all([
    stripe.customer(customer),
    stripe.methods.subscriptionsOf(customer),
  ]);
  const settings = remote && !remote.deleted ? remote.invoice_settings : null;
  return {
    customer,
    byDefault: idOf(settings?.default_payment_method),
    own: subscriptions.flatMap(({ id, default_payment_method }) => {
      const method = idOf(default_payment_method);
      return method ? [{ subscription: id, method }] : [];
    }),
  };
}

const idOf = (method: string | Stripe.PaymentMethod | null | undefined) =>
  typeof method === "string" ? method : (method?.id ?? null);

/** Whether something is charged already, so that a new method need not be. */
const isSettled = ({ byDefault, own }: Charged) => byDefault !== null || own.length > 0;

const isChargedBy = ({ byDefault, own }: Charged, method: string) =>
  byDefault === method && own.every((one) => one.method === method);

/** Whether taking a method away takes away what is charged, with no default to fall back on. */
const isLeftWithout = ({ byDefault, own }: Charged, method: string) =>
  byDefault === method || (byDefault === null && own.some((one) => one.method === method));

/** Charges a method from now on: the customer's default, and that of each subscription that names another. */
async function charge(stripe: StripeGateway, charged: Charged, method: string, key: string): Promise<void> {
  const { customer, byDefault, own } = charged;
  if (byDefault !== method) await stripe.methods.makeDefault(customer, method, `${key}:default:${method}`);
  for (const { subscription } of own.filter((other) => other.method !== method))
    try {
      await stripe.methods.payWith(subscription, method, `${key}:${subscription}:${method}`);
    } catch (error) {
      // one that has ended meanwhile charges nothing any more
      if (outcomeOf(error) !== "refused" || !(await hasEnded(stripe, subscription))) throw error;
    }
}

async function hasEnded(stripe: StripeGateway, id: string): Promise<boolean> {
  const subscription = await stripe.subscription(id);
  return !subscription || subscription.ended_at !== null;
}

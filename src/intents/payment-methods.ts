import type Stripe from "stripe";
import type { Intent } from "../entities/intent.ts";
import { outcomeOf } from "../stripe/errors.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import { INTENT_ID, USER_ID } from "../stripe/metadata.ts";
import { SETTLED } from "../stripe/payment-methods.ts";
import { idOf } from "../sync/values.ts";
import type { IntentKind } from "./kinds.ts";

/** What a change of a customer's methods is about; the method is the intent's subject. */
interface MethodParams {
  customer: string;
  /** Whether the method is to be charged from now on, and not only if nothing else is. */
  isDefault?: boolean;
  /** Whether its holder is to be nobody. */
  isForgotten?: boolean;
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
    begins: true,
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
    begins: true,
    ...{ aggregate: "customer", touches, once: false },
  },
  "remove-payment-method": {
    async post(stripe, intent, key) {
      const { subject } = intent;
      const { customer, isForgotten } = paramsOf(intent);
      const method = await stripe.methods.find(subject);
      if (method?.customer !== customer) return { id: subject };
      if (isForgotten) await forgetHolder(stripe, method, key);
      // first the heir: at no moment is there nothing to charge
      await passOn(stripe, customer, subject, key);
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
    begins: true,
    find: (stripe, intent) =>
      stripe.methods.setupIntentByMetadata(paramsOf(intent).customer, INTENT_ID, intent.id),
    ...{ aggregate: "customer", touches, once: false },
  },
  "cancel-setup-intent": {
    async post(stripe, { subject }, key) {
      const setup = await stripe.methods.setupIntent(subject);
      if (setup && !SETTLED.includes(setup.status)) await stripe.methods.cancelSetupIntent(subject, key);
      return { id: subject };
    },
    async find(stripe, { subject }) {
      const setup = await stripe.methods.setupIntent(subject);
      return !setup || SETTLED.includes(setup.status) ? { id: subject } : null;
    },
    ...{ aggregate: "customer", touches, once: false },
  },
} satisfies Record<string, IntentKind>;

/** Changes of which method is charged, one at a time for a user. */
export const METHOD_CHANGES = [
  "add-payment-method",
  "set-default-payment-method",
  "remove-payment-method",
] as const satisfies readonly (keyof typeof PAYMENT_METHOD_KINDS)[];

/** A bank's mandate may need its holder's name: then it keeps it. */
async function forgetHolder(stripe: StripeGateway, method: Stripe.PaymentMethod, key: string): Promise<void> {
  const { address, email, name, phone } = method.billing_details;
  const isSaid = [email, name, phone, ...Object.values(address ?? {})].some((said) => said);
  if (!isSaid) return;
  await stripe.methods.forgetHolder(method.id, `${key}:forget`).catch((error: unknown) => {
    if (outcomeOf(error) !== "refused") throw error;
  });
}

/** What is charged as things are: the customer's default, but where something names a method of its own. */
interface Charged {
  customer: string;
  byDefault: string | null;
  own: Named[];
}

/** A subscription that names a method, or a schedule that will make it do so when its next phase begins. */
interface Named {
  id: string;
  subscription: string;
  methods: string[];
  change(method: string, key: string): Promise<unknown>;
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
    own: subscriptions
      .flatMap((subscription) => namedBy(stripe, subscription))
      .filter(({ methods }) => methods.length > 0),
  };
}

function namedBy(stripe: StripeGateway, subscription: Stripe.Subscription): Named[] {
  const { id, default_payment_method, schedule } = subscription;
  const methods = [idOf(default_payment_method)].flatMap((method) => method ?? []);
  const itself: Named = {
    ...{ id, subscription: id, methods },
    change: (method, key) => stripe.methods.payWith(id, method, key),
  };
  if (!schedule || typeof schedule === "string") return [itself];
  const phases = phasesToCome(schedule);
  const byPhases: Named = {
    ...{ id: schedule.id, subscription: id },
    methods: phases.flatMap((phase) => idOf(phase.default_payment_method) ?? []),
    change: (method, key) => stripe.subscriptions.reschedule(schedule.id, paidWith(phases, method), key),
  };
  return [itself, byPhases];
}

/** The phase that runs and those after it: Stripe wants all of them with every change. */
const phasesToCome = ({ phases, current_phase: current }: Stripe.SubscriptionSchedule) =>
  phases.filter(({ start_date }) => start_date >= (current?.start_date ?? 0));

/** A list under its name, unless it is empty: Stripe takes an empty one for a wish. */
const some = <N extends string, T>(name: N, list: T[]) =>
  (list.length > 0 ? { [name]: list } : {}) as { [K in N]?: T[] };

/** What takes something off: a discount that runs, or a coupon or code that is yet to be redeemed. */
function redeemed({
  discount,
  coupon,
  promotion_code,
}: Reduction): Stripe.SubscriptionScheduleUpdateParams.Phase.Discount {
  if (discount) return { discount: idOf(discount) };
  return coupon ? { coupon: idOf(coupon) } : { promotion_code: idOf(promotion_code) ?? "" };
}

/** As phases and their items have it. */
interface Reduction {
  discount: string | { id: string } | null;
  coupon: string | { id: string } | null;
  promotion_code: string | { id: string } | null;
}

/** The phases as they are, charged to another method: whatever somebody promised in them stays. */
function paidWith(
  phases: Stripe.SubscriptionSchedule.Phase[],
  method: string,
): Stripe.SubscriptionScheduleUpdateParams {
  return {
    proration_behavior: "none",
    phases: phases.map((phase) => ({
      items: phase.items.map((item) => ({
        ...{ price: idOf(item.price), quantity: item.quantity ?? 1 },
        ...some("discounts", item.discounts.map(redeemed)),
        ...some("tax_rates", item.tax_rates?.map((rate) => idOf(rate)) ?? []),
        ...(item.metadata && { metadata: item.metadata }),
      })),
      ...some("discounts", phase.discounts.map(redeemed)),
      ...some(
        "add_invoice_items",
        phase.add_invoice_items.map(({ price, quantity, discounts }) => ({
          ...{ price: idOf(price), quantity: quantity ?? 1 },
          ...some("discounts", discounts.map(redeemed)),
        })),
      ),
      ...(phase.metadata && { metadata: phase.metadata }),
      ...{ start_date: phase.start_date, end_date: phase.end_date },
      ...{ proration_behavior: phase.proration_behavior, default_payment_method: method },
      ...(phase.trial_end !== null && { trial_end: phase.trial_end }),
    })),
  };
}

/** Whether something is charged already, so that a new method need not be. */
const isSettled = ({ byDefault, own }: Charged) => byDefault !== null || own.length > 0;

const names = (one: Named, method: string) => one.methods.includes(method);
const namesAnother = (one: Named, method: string) => one.methods.some((named) => named !== method);

const isChargedBy = ({ byDefault, own }: Charged, method: string) =>
  byDefault === method && !own.some((one) => namesAnother(one, method));

/** Charges a method from now on: the customer's default, and that of whatever names another. */
async function charge(stripe: StripeGateway, charged: Charged, method: string, key: string): Promise<void> {
  const { customer, byDefault, own } = charged;
  if (byDefault !== method) await stripe.methods.makeDefault(customer, method, `${key}:default:${method}`);
  for (const one of own.filter((each) => namesAnother(each, method)))
    try {
      await one.change(method, `${key}:${one.id}:${method}`);
    } catch (error) {
      // what has ended meanwhile charges nothing any more
      if (outcomeOf(error) !== "refused" || !(await hasEnded(stripe, one.subscription))) throw error;
    }
}

/** Charges another one where a method is charged that is about to go. */
async function passOn(stripe: StripeGateway, customer: string, method: string, key: string): Promise<void> {
  const charged = await chargedOf(stripe, customer);
  const own = charged.own.filter((one) => names(one, method));
  if (charged.byDefault !== method && own.length === 0) return;
  const others = (await stripe.paymentMethods(customer)).filter(({ id }) => id !== method);
  const heir = charged.byDefault === method ? others[0]?.id : (charged.byDefault ?? others[0]?.id);
  if (heir) await charge(stripe, { ...charged, own }, heir, key);
}

async function hasEnded(stripe: StripeGateway, id: string): Promise<boolean> {
  const subscription = await stripe.subscription(id);
  return !subscription || subscription.ended_at !== null;
}

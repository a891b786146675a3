import type Stripe from "stripe";
import { METHODS } from "./methods.ts";
import { type Answer, eventually, newUser, type TestService } from "./service.ts";
import { customerOf, stripeOf } from "./stripe.ts";

/** A stored method as the API shows it. */
export interface ShownMethod {
  id: string;
  brand: string;
  last4: string;
  isDefault: boolean;
}

/** Somebody's stored methods, as the API shows them and as Stripe has them. */
export interface Wallet {
  userId: string;
  token: string;
  /** Rows of our database; without parameters about this user. */
  rows<T>(sql: string, params?: unknown[]): Promise<T[]>;
  shown(): Promise<ShownMethod[]>;
  /** Brands as shown, with a star at the default. */
  brands(): Promise<string[]>;
  untilBrands(wanted: string[]): Promise<string[]>;
  /** Makes one the default; `more` are further arguments as GraphQL writes them. */
  setDefault(id: string, as?: string, more?: string): Promise<Answer>;
  remove(id: string, as?: string, more?: string): Promise<Answer>;
  atStripe(): Promise<{
    default: string | Stripe.PaymentMethod | null;
    ofSubscription: string | Stripe.PaymentMethod | null | undefined;
    all: string[];
  }>;
  /** Stripe's id of a method of ours. */
  stripeIdOf(id: string): Promise<string>;
}

/** The empty wallet of somebody new. */
export async function newWallet(service: TestService): Promise<Wallet> {
  const userId = newUser();
  const token = await service.token(userId);
  const stripe = stripeOf(service);
  const rows = <T>(sql: string, params: unknown[] = [userId]) =>
    service.app.parts.orm.em.fork().execute<T[]>(sql, params);
  const shown = async (): Promise<ShownMethod[]> =>
    (await service.ask(METHODS, {}, token)).data.paymentMethods;
  const brands = async () => (await shown()).map(({ brand, isDefault }) => (isDefault ? `${brand}*` : brand));
  return {
    ...{ userId, token, rows, shown, brands },
    untilBrands: (wanted) => eventually(brands, (seen) => JSON.stringify(seen) === JSON.stringify(wanted)),
    setDefault: (id, as = token, more = "") =>
      service.ask(
        `mutation ($id: ID!) { setDefaultPaymentMethod(id: $id${more}) { id isDefault } }`,
        { id },
        as,
      ),
    remove: (id, as = token, more = "") =>
      service.ask(`mutation ($id: ID!) { removePaymentMethod(id: $id${more}) }`, { id }, as),
    async atStripe() {
      const customer = (await stripe.customers.retrieve(
        await customerOf(service, userId),
      )) as Stripe.Customer;
      const { data } = await stripe.subscriptions.list({ customer: customer.id });
      return {
        default: customer.invoice_settings.default_payment_method,
        ofSubscription: data[0]?.default_payment_method,
        all: (await stripe.customers.listPaymentMethods(customer.id)).data.map(({ id }) => id),
      };
    },
    async stripeIdOf(id) {
      const [row] = await rows<{ pm: string }>(
        "select stripe_payment_method_id as pm from payment_methods where id = ?",
        [id],
      );
      return row?.pm as string;
    },
  };
}

/** The code of a refusal. */
export const codeOf = ({ errors }: Pick<Answer, "errors">) => errors?.[0]?.extensions.code;

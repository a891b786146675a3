import { isSpent, spent } from "../billing/customers/method-changes.ts";
import { resolveMethod } from "../billing/customers/payment-methods.ts";
import { invalidParameter, invalidRequest, noSuch } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import type { Infer } from "../params.ts";
import type { Transaction } from "../transaction.ts";
import { createMethod, type methodData } from "./method-params.ts";

type PaymentMethod = Kinds["payment_method"];

/** How a request names a method: by its id or token, or by describing a new one. */
interface Named {
  payment_method?: string;
  payment_method_data?: Infer<{ data: typeof methodData }>["data"];
}

/** The method that a request names; undefined when it names none. */
export function namedMethod(tx: Transaction, named: Named): PaymentMethod | undefined {
  const { payment_method, payment_method_data } = named;
  if (payment_method && payment_method_data) {
    throw invalidParameter(
      "payment_method_data",
      "You may only specify one of these parameters: payment_method, payment_method_data.",
      "parameters_exclusive",
    );
  }
  if (payment_method_data) return createMethod(tx, payment_method_data);
  return payment_method ? resolveMethod(tx, payment_method) : undefined;
}

/** The part of payment and setup intents that decides which methods they take. */
type Intent = Pick<
  Kinds["payment_intent"] | Kinds["setup_intent"],
  "id" | "customer" | "payment_method_types" | "automatic_payment_methods"
>;

/** Refuses a method of another customer, of nobody's once it was used, and of a type that the intent does not take. */
export function assertServes(
  tx: Transaction,
  intent: Intent,
  method: PaymentMethod,
  noun = "PaymentIntent",
): void {
  if (method.customer !== null && method.customer !== intent.customer) {
    const message = intent.customer
      ? `The payment method supplied (${method.id}) belongs to a different Customer, and cannot be used with the Customer ${intent.customer}.`
      : `The payment method supplied (${method.id}) belongs to the Customer ${method.customer}. Please include the Customer in the \`customer\` parameter on the ${noun}.`;
    throw invalidRequest(message, { param: "payment_method" });
  }
  if (isSpent(tx, method, intent.id)) throw spent("payment_method");
  if (!intent.payment_method_types.includes(method.type)) {
    throw invalidRequest(
      `The PaymentMethod provided (${method.type}) is not allowed for this ${noun}. Please attach a PaymentMethod of one of the following types: ${intent.payment_method_types.join(", ")}.`,
      { param: "payment_method", code: "payment_intent_incompatible_payment_method" },
    );
  }
}

/** Some dynamic methods lead away from the page: without `allow_redirects: never` they need the way back. */
export function assertWayBack(
  { automatic_payment_methods: automatic }: Pick<Intent, "automatic_payment_methods">,
  returnUrl: string | undefined,
  noun = "PaymentIntent",
): void {
  if (!automatic?.enabled || automatic.allow_redirects === "never" || returnUrl) return;
  throw invalidRequest(
    `This ${noun} is configured to accept payment methods enabled in your Dashboard. Because some of these payment methods might redirect your customer off of your page, you must provide a \`return_url\`. If you don't want to accept redirect-based payment methods, set \`automatic_payment_methods[enabled]\` to \`true\` and \`automatic_payment_methods[allow_redirects]\` to \`never\` when creating Setup Intents and Payment Intents.`,
    { param: "return_url" },
  );
}

/** An intent is shown to whoever has its secret; another secret shows nothing. */
export function withSecret<T extends { id: string; client_secret: string | null }>(
  intent: T,
  secret: string | undefined,
  noun: string,
): T {
  if (secret !== undefined && secret !== intent.client_secret) throw noSuch(noun, intent.id);
  return intent;
}

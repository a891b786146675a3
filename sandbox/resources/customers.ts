import { keepMovement } from "../billing/customers/customer-balance.ts";
import { createCustomer, NO_INVOICE_SETTINGS, removeCustomer } from "../billing/customers/customers.ts";
import { attach, resolveMethod } from "../billing/customers/payment-methods.ts";
import { noteTaxAddress } from "../billing/customers/tax-ids.ts";
import { customersOf } from "../billing/test-clocks.ts";
import { invalidRequest, noSuch } from "../errors.ts";
import type { Kinds } from "../kinds.ts";
import { listParams, page } from "../list.ts";
import { metadata, withMetadata } from "../metadata.ts";
import { type Infer, integer, list, notYet, object, oneOf, required, text, unsettable } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";
import { address, addressOf } from "./address.ts";
import { customFields } from "./common-params.ts";

type Customer = Kinds["customer"];

const shipping = object({ address: required(address), name: required(text()), phone: unsettable(text()) });

const fields = {
  address: unsettable(address),
  balance: integer(),
  business_name: unsettable(text({ max: 150 })),
  description: unsettable(text()),
  email: unsettable(text({ max: 512 })),
  individual_name: unsettable(text({ max: 150 })),
  invoice_prefix: text({ pattern: /^[A-Z0-9]{3,12}$/ }),
  invoice_settings: object({
    custom_fields: customFields,
    default_payment_method: unsettable(text()),
    footer: unsettable(text()),
  }),
  metadata,
  name: unsettable(text({ max: 256 })),
  next_invoice_sequence: integer({ min: 1 }),
  phone: unsettable(text({ max: 20 })),
  preferred_locales: list(text()),
  shipping: unsettable(shipping),
  source: notYet(),
  tax: object({
    ip_address: unsettable(text({ pattern: /^[0-9a-f.:]{2,45}$/i })),
    validate_location: notYet(),
  }),
  tax_exempt: unsettable(oneOf("exempt", "none", "reverse")),
};

const createParams = { ...fields, payment_method: text(), tax_id_data: notYet(), test_clock: text() };

/** What a balance is in that is set before anything else says the customer's currency: the account's. */
const BALANCE_CURRENCY = "usd";

/** What a request says about a customer, as the customer shows it. */
function given(tx: Transaction, params: Infer<typeof fields>, before?: Customer): Partial<Customer> {
  const { address, balance, invoice_settings, metadata, shipping, source: _, ...rest } = params;
  const { business_name, individual_name, tax: __, tax_exempt, ...plain } = rest;
  const changes: Partial<Customer> = { ...plain, metadata: withMetadata(before?.metadata ?? {}, metadata) };
  if (balance !== undefined)
    Object.assign(changes, { balance, ...(balance && { currency: before?.currency ?? BALANCE_CURRENCY }) });
  // those two are left out while they are not set
  if (business_name !== undefined) changes.business_name = business_name ?? undefined;
  if (individual_name !== undefined) changes.individual_name = individual_name ?? undefined;
  if (address !== undefined) changes.address = address && addressOf(address);
  if (shipping !== undefined) {
    changes.shipping = shipping && {
      address: addressOf(shipping.address),
      name: shipping.name,
      phone: shipping.phone ?? null,
    };
  }
  if (tax_exempt !== undefined) changes.tax_exempt = tax_exempt ?? "none";
  if (invoice_settings) {
    const method = invoice_settings.default_payment_method;
    if (method) assertOwn(tx, before, method);
    changes.invoice_settings = {
      ...(before?.invoice_settings ?? NO_INVOICE_SETTINGS),
      ...invoice_settings,
    };
  }
  return changes;
}

/** Keeps what a request makes of a balance as a movement of it. */
function keepBalance(tx: Transaction, after: Customer, before?: Customer): void {
  const amount = after.balance - (before?.balance ?? 0);
  const currency = after.currency ?? BALANCE_CURRENCY;
  const type = before ? "adjustment" : "initial";
  if (amount !== 0) keepMovement(tx, after.id, { type, amount, currency }, after.balance);
}

/** Keeps what a request says of where the customer is. */
function keepTax(tx: Transaction, { id }: Customer, { tax }: Infer<typeof fields>): void {
  if (tax?.ip_address !== undefined) noteTaxAddress(tx, id, tax.ip_address);
}

function assertOwn(tx: Transaction, customer: Customer | undefined, method: string): void {
  const owner = tx.need("payment_method", method, "invoice_settings[default_payment_method]").customer;
  if (!customer || owner !== customer.id)
    throw noSuch("PaymentMethod", method, "invoice_settings[default_payment_method]");
}

const MAX_PER_CLOCK = 3;

function assertRoom(tx: Transaction, clock: string): void {
  if (customersOf(tx, tx.need("test_helpers.test_clock", clock, "test_clock")).length < MAX_PER_CLOCK) return;
  throw invalidRequest(`A test clock can have at most ${MAX_PER_CLOCK} customers.`, {
    param: "test_clock",
  });
}

function create(
  tx: Transaction,
  { payment_method, tax_id_data: _, test_clock, ...params }: Infer<typeof createParams>,
): Customer {
  const { invoice_settings, ...rest } = params;
  if (test_clock) assertRoom(tx, test_clock);
  const customer = createCustomer(tx, { ...given(tx, rest), test_clock: test_clock ?? null });
  keepBalance(tx, customer);
  keepTax(tx, customer, params);
  const method = payment_method && attach(tx, resolveMethod(tx, payment_method), customer.id);
  if (!invoice_settings) return customer;
  // With pm_card_… as both, the default is the method that the token has just become.
  const default_payment_method =
    method && invoice_settings.default_payment_method === payment_method
      ? method.id
      : invoice_settings.default_payment_method;
  const settings = { ...invoice_settings, ...(default_payment_method && { default_payment_method }) };
  return tx.update("customer", customer.id, given(tx, { invoice_settings: settings }, customer));
}

function update(tx: Transaction, params: Infer<typeof fields>, id: string): Customer {
  const before = tx.need("customer", id);
  const after = tx.update("customer", id, given(tx, params, before), "customer.updated");
  keepBalance(tx, after, before);
  keepTax(tx, after, params);
  return after;
}

export const customerRoutes: Route[] = [
  route("POST", "/v1/customers", createParams, create),
  route(
    "GET",
    "/v1/customers",
    { ...listParams, email: text({ max: 512 }), test_clock: text() },
    (tx, params) => {
      const { email, test_clock } = params;
      const where = test_clock
        ? { index: "test_clock" as const, key: test_clock }
        : email
          ? { index: "email" as const, key: email }
          : undefined;
      const keep = (customer: Customer) => !email || customer.email === email;
      return page(tx, { kind: "customer", url: "/v1/customers", where, keep }, params);
    },
  ),
  route(
    "GET",
    "/v1/customers/:id",
    {},
    (tx, _params, { id = "" }) => tx.get("deleted", id) ?? tx.need("customer", id),
  ),
  route("POST", "/v1/customers/:id", fields, (tx, params, { id = "" }) => update(tx, params, id)),
  route("DELETE", "/v1/customers/:id", {}, (tx, _params, { id = "" }) =>
    removeCustomer(tx, tx.need("customer", id)),
  ),
  route("GET", "/v1/customers/:id/payment_methods/:method", {}, (tx, _params, { id = "", method = "" }) => {
    tx.need("customer", id);
    const found = tx.need("payment_method", method);
    if (found.customer !== id) throw noSuch("PaymentMethod", method);
    return found;
  }),
  route(
    "GET",
    "/v1/customers/:id/payment_methods",
    { ...listParams, type: text(), allow_redisplay: oneOf("always", "limited", "unspecified") },
    (tx, params, { id = "" }) => {
      tx.need("customer", id);
      const keep = (method: Kinds["payment_method"]) =>
        (!params.type || method.type === params.type) &&
        (!params.allow_redisplay || method.allow_redisplay === params.allow_redisplay);
      const url = `/v1/customers/${id}/payment_methods`;
      return page(tx, { kind: "payment_method", url, where: { index: "customer", key: id }, keep }, params);
    },
  ),
];

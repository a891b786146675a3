import type { Route } from "../router.ts";
import { numberField, searchRoute, textField, tokenField } from "../search/search.ts";

/** What can be searched for, by resource. https://docs.stripe.com/search#supported-query-fields-for-each-resource */
export const searchRoutes: Route[] = [
  searchRoute("charge", "charges", {
    amount: numberField((charge) => charge.amount),
    "billing_details.address.postal_code": tokenField(
      (charge) => charge.billing_details.address?.postal_code,
    ),
    created: numberField((charge) => charge.created),
    currency: tokenField((charge) => charge.currency),
    customer: tokenField((charge) => charge.customer),
    disputed: tokenField((charge) => charge.disputed),
    "payment_method_details.card.brand": tokenField((charge) => charge.payment_method_details?.card?.brand),
    "payment_method_details.card.exp_month": tokenField(
      (charge) => charge.payment_method_details?.card?.exp_month,
    ),
    "payment_method_details.card.exp_year": tokenField(
      (charge) => charge.payment_method_details?.card?.exp_year,
    ),
    "payment_method_details.card.fingerprint": tokenField(
      (charge) => charge.payment_method_details?.card?.fingerprint,
    ),
    "payment_method_details.card.last4": tokenField((charge) => charge.payment_method_details?.card?.last4),
    refunded: tokenField((charge) => charge.refunded),
    status: tokenField((charge) => charge.status),
  }),
  searchRoute("customer", "customers", {
    created: numberField((customer) => customer.created),
    email: textField((customer) => customer.email),
    name: textField((customer) => customer.name),
    phone: textField((customer) => customer.phone),
  }),
  searchRoute("invoice", "invoices", {
    created: numberField((invoice) => invoice.created),
    currency: tokenField((invoice) => invoice.currency),
    customer: tokenField((invoice) => invoice.customer),
    last_finalization_error_code: tokenField((invoice) => invoice.last_finalization_error?.code),
    last_finalization_error_type: tokenField((invoice) => invoice.last_finalization_error?.type),
    number: textField((invoice) => invoice.number),
    receipt_number: textField((invoice) => invoice.receipt_number),
    status: tokenField((invoice) => invoice.status),
    subscription: tokenField((invoice) => invoice.parent?.subscription_details?.subscription),
    total: numberField((invoice) => invoice.total),
  }),
  searchRoute("payment_intent", "payment_intents", {
    amount: numberField((intent) => intent.amount),
    created: numberField((intent) => intent.created),
    currency: tokenField((intent) => intent.currency),
    customer: tokenField((intent) => intent.customer),
    status: tokenField((intent) => intent.status),
  }),
  searchRoute("price", "prices", {
    active: tokenField((price) => price.active),
    billing_scheme: tokenField((price) => price.billing_scheme),
    created: numberField((price) => price.created),
    currency: tokenField((price) => price.currency),
    lookup_key: textField((price) => price.lookup_key),
    product: tokenField((price) => price.product),
    type: tokenField((price) => price.type),
  }),
  searchRoute("product", "products", {
    active: tokenField((product) => product.active),
    created: numberField((product) => product.created),
    description: textField((product) => product.description),
    name: textField((product) => product.name),
    shippable: tokenField((product) => product.shippable),
    url: textField((product) => product.url),
  }),
  searchRoute("subscription", "subscriptions", {
    canceled_at: numberField((subscription) => subscription.canceled_at),
    created: numberField((subscription) => subscription.created),
    status: tokenField((subscription) => subscription.status),
  }),
];

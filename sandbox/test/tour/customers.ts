import type { TestSandbox } from "../support/sandbox.ts";

/** Customers and their payment methods. */
export async function customers({ stripe }: TestSandbox): Promise<void> {
  const customer = await stripe.customers.create({
    email: "full@example.com",
    name: "Full",
    ...{ business_name: "Full Ltd", individual_name: "Full" },
    phone: "+1",
    address: { city: "Bern", country: "CH" },
    shipping: { name: "Full", address: { city: "Bern" } },
    payment_method: "pm_card_visa",
    invoice_settings: { default_payment_method: "pm_card_visa" },
    metadata: { a: "1" },
  });
  await stripe.customers.update(customer.id, { name: "", business_name: "", metadata: { a: null, b: "2" } });
  const taxId = await stripe.customers.createTaxId(customer.id, { type: "eu_vat", value: "DE123456789" });
  await stripe.customers.retrieveTaxId(customer.id, taxId.id, { expand: ["customer", "owner.customer"] });
  await stripe.customers.listTaxIds(customer.id);
  await stripe.customers.update(customer.id, { tax: { ip_address: "192.0.2.1" }, preferred_locales: ["de"] });
  await stripe.customers.retrieve(customer.id, { expand: ["tax", "tax_ids"] });
  await stripe.customers.deleteTaxId(customer.id, taxId.id);
  await stripe.customers.list({ email: "full@example.com", expand: ["data.subscriptions"] });
  await stripe.customers.listPaymentMethods(customer.id, { type: "card" });
  const method = await stripe.paymentMethods.create({
    type: "card",
    card: { token: "tok_mastercard" },
    billing_details: { name: "Full", address: { country: "CH" } },
  });
  await stripe.paymentMethods.attach(method.id, { customer: customer.id });
  await stripe.paymentMethods.update(method.id, {
    card: { exp_month: 3, exp_year: 2031 },
    metadata: { b: "c" },
  });
  await stripe.paymentMethods.retrieve(method.id, { expand: ["customer"] });
  await stripe.paymentMethods.list({ customer: customer.id });
  await stripe.paymentMethods.detach(method.id);
  await stripe.paymentMethods.attach("pm_card_chargeDeclined", { customer: customer.id }).catch(() => {});
}

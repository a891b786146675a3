import type Stripe from "stripe";
import { draftOf } from "./support/billing.ts";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";
import { payer } from "./support/subscribing.ts";

let box: TestSandbox;
let customer: Stripe.Customer;

beforeEach(async () => {
  box = await testSandbox();
  customer = await payer(box);
});
afterEach(() => box.close());

const seen = async () =>
  (await box.stripe.customers.retrieve(customer.id, { expand: ["tax", "tax_ids"] })) as Stripe.Customer;

test("a customer's tax ids are told of, listed, repeated by invoices, and taken away", async () => {
  const taxId = await box.stripe.customers.createTaxId(customer.id, { type: "eu_vat", value: "DE123456789" });
  expect(taxId).toMatchObject({ country: "DE", customer: customer.id, verification: { status: "pending" } });
  const other = await box.stripe.customers.createTaxId(customer.id, { type: "us_ein", value: "12-3456789" });
  expect(other).toMatchObject({ country: "US", verification: { status: "unavailable" } });
  const listed = await box.stripe.customers.listTaxIds(customer.id);
  expect(listed.data.map(({ id }) => id)).toEqual([other.id, taxId.id]);
  expect((await seen()).tax_ids).toEqual(JSON.parse(JSON.stringify(listed)));
  const draft = await draftOf(box, customer.id, [1000]);
  expect(draft.customer_tax_ids).toEqual([
    { type: "us_ein", value: "12-3456789" },
    { type: "eu_vat", value: "DE123456789" },
  ]);
  await box.stripe.customers.deleteTaxId(customer.id, other.id);
  const open = await box.stripe.invoices.finalizeInvoice(String(draft.id));
  expect(open.customer_tax_ids).toEqual([{ type: "eu_vat", value: "DE123456789" }]);
  await box.stripe.customers.deleteTaxId(customer.id, taxId.id);
  // what is finalized stays as it was
  const after = await box.stripe.invoices.retrieve(String(draft.id));
  expect(after.customer_tax_ids).toEqual([{ type: "eu_vat", value: "DE123456789" }]);
  const told = (await box.events()).filter(({ type }) => type.startsWith("customer.tax_id"));
  expect(told.map(({ type }) => type.split(".").at(-1))).toEqual([
    "created",
    "created",
    "deleted",
    "deleted",
  ]);
});

test("a tax id is one customer's, of a type that Stripe knows", async () => {
  const taxId = await box.stripe.customers.createTaxId(customer.id, { type: "gb_vat", value: "GB123456789" });
  const { id } = await box.stripe.customers.create();
  await expect(box.stripe.customers.deleteTaxId(id, taxId.id)).rejects.toMatchObject({ statusCode: 404 });
  const imagined = box.stripe.customers.createTaxId(id, { type: "atlantis_vat" as "eu_vat", value: "1" });
  await expect(imagined).rejects.toMatchObject({ statusCode: 400, param: "type" });
  await box.stripe.customers.del(customer.id);
  await expect(box.stripe.customers.listTaxIds(customer.id)).rejects.toMatchObject({ statusCode: 404 });
});

test("an address on the network is shown when it is asked for, and can be forgotten", async () => {
  await box.stripe.customers.update(customer.id, { tax: { ip_address: "2001:db8::1" } });
  expect((await seen()).tax).toMatchObject({ ip_address: "2001:db8::1", location: null });
  expect(await box.stripe.customers.retrieve(customer.id)).not.toHaveProperty("tax");
  await box.stripe.customers.update(customer.id, { tax: { ip_address: "" } });
  expect((await seen()).tax).toMatchObject({ ip_address: null });
  const wrong = box.stripe.customers.update(customer.id, { tax: { ip_address: "at home" } });
  await expect(wrong).rejects.toMatchObject({ statusCode: 400, param: "tax[ip_address]" });
});

import type Stripe from "stripe";
import { type TestSandbox, testSandbox } from "./support/sandbox.ts";

let box: TestSandbox;
beforeAll(async () => {
  box = await testSandbox();
  const people: Stripe.CustomerCreateParams[] = [
    { name: "Ada", email: "ada@example.com", metadata: { user: "u1", plan: "team" } },
    { name: "Alan", email: "alan@example.com", metadata: { user: "u2" } },
    { name: 'Grace "Amazing" Hopper', email: "grace@navy.test", phone: "+1 555" },
  ];
  for (const person of people) await box.stripe.customers.create(person);
  for (const unit_amount of [1000, 2000]) {
    await box.stripe.prices.create({
      product_data: { name: `For ${unit_amount}` },
      currency: unit_amount === 1000 ? "usd" : "eur",
      unit_amount,
    });
  }
});
afterAll(() => box.close());

const names = async (query: string) =>
  (await box.stripe.customers.search({ query })).data.map(({ name }) => name);

test.each([
  ["exactly, whatever the case", 'email:"ADA@example.com"', ["Ada"]],
  ["by a part of a text", "email~'example'", ["Alan", "Ada"]],
  ["by metadata", "metadata['user']:'u2'", ["Alan"]],
  ["by both of two clauses", 'email~"example" AND metadata["plan"]:"team"', ["Ada"]],
  ["by both when only a space joins them", 'email~"example" metadata["plan"]:"team"', ["Ada"]],
  ["by either", 'name:"Ada" or name:"Alan"', ["Alan", "Ada"]],
  ["by what does not match", '-email~"example"', ['Grace "Amazing" Hopper']],
  ["by what is not there", "phone:null", ["Alan", "Ada"]],
  ["by a metadata key that is there", '-metadata["plan"]:null', ["Ada"]],
  ["by quotation marks in a text", 'name:"Grace \\"Amazing\\" Hopper"', ['Grace "Amazing" Hopper']],
  ["by words like AND inside a text", 'name:"this AND that"', []],
  ["by time", "created>0 created<9999999999", ['Grace "Amazing" Hopper', "Alan", "Ada"]],
])("finds objects %s", async (_how, query, found) => {
  expect(await names(query)).toEqual(found);
});

test("finds by flags, tokens and numbers, each where the resource has them", async () => {
  const { data } = await box.stripe.prices.search({ query: "active:'true' AND currency:'EUR'" });
  expect(data.map((price) => price.unit_amount)).toEqual([2000]);
  expect((await box.stripe.products.search({ query: "name~'for 1'" })).data).toHaveLength(1);
  expect((await box.stripe.charges.search({ query: "amount>=1" })).data).toEqual([]);
});

test.each([
  ["no query at all", ""],
  ["a field the resource has not", 'colour:"red"'],
  ["a field of every object's prototype", 'constructor:"x"'],
  ["text without quotation marks", "email:ada"],
  ["a text that does not end", 'email:"ada'],
  ["AND and OR together", 'name:"a" AND name:"b" OR name:"c"'],
  ["brackets", '(name:"a")'],
  ["a part that is too short", 'email~"ad"'],
  ["a part of a token", "currency~'usd'"],
  ["a comparison of texts", 'email>"a"'],
  ["a number that is none", 'created>"soon"'],
  ["eleven clauses", Array.from({ length: 11 }, (_, at) => `name:"${at}"`).join(" OR ")],
  ["something after the last clause", 'name:"a" AND'],
])("%s is refused", async (_what, query) => {
  const { prices, customers } = box.stripe;
  await expect((query.startsWith("currency") ? prices : customers).search({ query })).rejects.toMatchObject({
    type: "StripeInvalidRequestError",
    statusCode: 400,
    param: "query",
  });
});

test("is paged with next_page, which stripe-node follows by itself", async () => {
  const first = await box.stripe.customers.search({
    query: "created>0",
    limit: 2,
    expand: ["total_count"],
  });
  expect(first).toMatchObject({
    object: "search_result",
    url: "/v1/customers/search",
    has_more: true,
    total_count: 3,
    next_page: expect.any(String),
  });
  const last = await box.stripe.customers.search({ query: "created>0", limit: 2, page: first.next_page! });
  expect(last).toMatchObject({ has_more: false, next_page: null });
  expect(last).not.toHaveProperty("total_count");
  const all = await box.stripe.customers
    .search({ query: "created>0", limit: 1 })
    .autoPagingToArray({ limit: 9 });
  expect(all.map(({ name }) => name)).toEqual([...first.data, ...last.data].map(({ name }) => name));
  await expect(box.stripe.customers.search({ query: "created>0", page: "bogus" })).rejects.toMatchObject({
    param: "page",
  });
});

test("lags behind when asked to: new objects are not found, changed ones as they were", async () => {
  const { id } = await box.stripe.customers.create({ name: "Old name", metadata: { lag: "yes" } });
  await box.control("/faults", { search: { lagSeconds: 60 } });
  await box.stripe.customers.update(id, { name: "New name" });
  await box.stripe.customers.create({ name: "Newcomer", metadata: { lag: "yes" } });
  const query = 'metadata["lag"]:"yes"';
  expect(await names(query)).toEqual(["Old name"]);
  await box.advance({ seconds: 61 });
  expect(await names(query)).toEqual(["Newcomer", "New name"]);

  await box.stripe.customers.update(id, { name: "Newest name" });
  expect(await names(query)).toEqual(["Newcomer", "New name"]);
  await box.control("/faults", { reset: true });
  expect(await names(query)).toEqual(["Newcomer", "Newest name"]);
});

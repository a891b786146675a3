import type Stripe from "stripe";
import { type Learner, newLearner } from "../support/learner.ts";
import { eventually, startService, type TestService } from "../support/service.ts";
import { customerOf, stripeOf } from "../support/stripe.ts";

const MONEY = "{ amount currency }";
const FIELDS = `id number status subtotal ${MONEY} tax ${MONEY} total ${MONEY} amountPaid ${MONEY} amountDue ${MONEY}
  periodStart periodEnd issuedAt paidAt user { id } lines { description quantity amount ${MONEY} periodStart periodEnd }`;
const INVOICES = `query ($first: Int! = 20, $after: String) { invoices(first: $first, after: $after) {
  totalCount nodes { ${FIELDS} } edges { cursor } pageInfo { hasNextPage hasPreviousPage endCursor } } }`;
const INVOICE = `query ($id: ID!) { invoice(id: $id) { ${FIELDS} } }`;

let service: TestService;
let stripe: Stripe;
let ada: Learner;
beforeAll(async () => {
  service = await startService();
  stripe = stripeOf(service);
});
beforeEach(async () => {
  ada = await newLearner(service);
});
afterAll(() => service.stop());

// biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
type Shown = any;
const invoices = async (variables: object = {}): Promise<Shown> =>
  (await ada.ask(INVOICES, variables)).data.invoices;
const until = (isSo: (nodes: Shown[]) => boolean): Promise<Shown[]> =>
  eventually(async () => (await invoices()).nodes, isSo);
/** An invoice made by hand, as in Stripe's dashboard; a draft. */
async function draft(currency: string, ...amounts: number[]): Promise<Stripe.Invoice> {
  const customer = await customerOf(service, ada.userId);
  const { id } = await stripe.invoices.create({
    ...{ customer, currency, pending_invoice_items_behavior: "exclude", auto_advance: false },
  });
  for (const [at, amount] of amounts.entries())
    await stripe.invoiceItems.create({
      customer,
      invoice: id as string,
      amount,
      currency,
      description: `Item ${at + 1}`,
    });
  return stripe.invoices.retrieve(id as string);
}

test("each month's invoice is told from newest to oldest with lines and totals, and one by one", async () => {
  await ada.subscribe();
  await until(([first]) => first?.status === "PAID");
  await ada.passPeriod();
  const [second, first] = await until(([newest, oldest]) => newest?.status === "PAID" && oldest);
  const price = { amount: 3_900, currency: "USD" };
  const zero = { amount: 0, currency: "USD" };
  const remote = await ada.invoices();
  expect(second).toMatchObject({ number: remote[0]?.number, lines: [{ amount: price, quantity: 1 }] });
  expect(first).toEqual({
    ...{ id: expect.any(String), number: remote[1]?.number, status: "PAID", user: { id: ada.userId } },
    ...{ subtotal: price, tax: zero, total: price, amountPaid: price, amountDue: price },
    ...{ periodStart: expect.any(String), periodEnd: expect.any(String) },
    ...{ issuedAt: expect.any(String), paidAt: expect.any(String) },
    lines: [
      {
        ...{ description: remote[1]?.lines.data[0]?.description, quantity: 1, amount: price },
        ...{ periodStart: first.lines[0].periodStart, periodEnd: second.lines[0].periodStart },
      },
    ],
  });
  for (const one of [first, second])
    expect((await ada.ask(INVOICE, { id: one.id })).data.invoice).toEqual(one);

  const one = await invoices({ first: 1 });
  expect(one).toMatchObject({ totalCount: 2, nodes: [second], pageInfo: { hasNextPage: true } });
  const rest = await invoices({ first: 1, after: one.pageInfo.endCursor });
  expect(rest).toMatchObject({ nodes: [first], pageInfo: { hasNextPage: false, hasPreviousPage: true } });
  const { data } = await ada.ask(
    `query ($r: [_Any!]!) { _entities(representations: $r) {
      ... on User { invoices(first: 1) { totalCount nodes { ${FIELDS} } } } ... on Invoice { ${FIELDS} } } }`,
    {
      r: [
        { __typename: "User", id: ada.userId },
        { __typename: "Invoice", id: first.id },
      ],
    },
  );
  expect(data._entities).toEqual([{ invoices: { totalCount: 2, nodes: [second] } }, first]);
});

test("a draft has no number yet; once it is issued it has one and is due", async () => {
  await ada.subscribe();
  const { id } = await draft("usd", 1_200, 300);
  const [shown] = await until(([newest]) => newest?.status === "DRAFT" && newest.lines.length === 2);
  expect(shown).toMatchObject({
    ...{ number: null, issuedAt: null, paidAt: null, total: { amount: 1_500, currency: "USD" } },
    lines: [{ description: "Item 1" }, { description: "Item 2" }],
  });
  const { number } = await stripe.invoices.finalizeInvoice(id as string);
  expect(await until(([newest]) => newest?.status === "OPEN")).toContainEqual(
    expect.objectContaining({ id: shown.id, number, amountDue: { amount: 1_500, currency: "USD" } }),
  );
  await stripe.invoices.voidInvoice(id as string);
  await until(([newest]) => newest?.status === "VOID");
});

test("a draft that is deleted at Stripe is none here any more", async () => {
  await ada.subscribe();
  const { id } = await draft("usd", 700);
  await until((nodes) => nodes.some(({ status }) => status === "DRAFT"));
  await stripe.invoices.del(String(id));
  await until((nodes) => nodes.length === 1 && nodes[0].status === "PAID");
});

test("an invoice in yen is told in yen: 500 are 500", async () => {
  await ada.subscribe();
  const { id } = await draft("jpy", 500);
  await stripe.invoices.finalizeInvoice(id as string);
  const [card] = (await stripe.customers.listPaymentMethods(await customerOf(service, ada.userId))).data;
  await stripe.invoices.pay(id as string, { payment_method: card?.id as string });
  const [paid] = await until(([newest]) => newest?.status === "PAID" && newest.total.currency === "JPY");
  const yen = { amount: 500, currency: "JPY" };
  expect(paid).toMatchObject({ subtotal: yen, total: yen, amountPaid: yen, lines: [{ amount: yen }] });
  expect(paid.tax).toEqual({ amount: 0, currency: "JPY" });
});

test("what credit notes take back is told, of an invoice that is due and of one that is paid", async () => {
  await ada.subscribe();
  const credited = async (): Promise<Shown> =>
    (await ada.ask(`{ invoices { nodes { status amountCredited ${MONEY} amountDue ${MONEY} } } }`)).data
      .invoices.nodes;
  const [paid] = await eventually(credited, ([first]) => first?.status === "PAID");
  expect(paid.amountCredited).toEqual({ amount: 0, currency: "USD" });
  const [invoice] = await ada.invoices();
  await stripe.creditNotes.create({
    ...{ invoice: invoice?.id as string, amount: 900, out_of_band_amount: 900 },
  });
  await eventually(credited, ([first]) => first.amountCredited.amount === 900);

  const { id } = await draft("usd", 1_500);
  await stripe.invoices.finalizeInvoice(id as string);
  const note = await stripe.creditNotes.create({ invoice: id as string, amount: 500 });
  const [open] = await eventually(credited, ([first]) => first.amountCredited.amount === 500);
  expect(open).toMatchObject({ status: "OPEN", amountDue: { amount: 1_000, currency: "USD" } });
  await stripe.creditNotes.voidCreditNote(note.id);
  await eventually(credited, ([first]) => first.amountCredited.amount === 0);
});

test.each([
  ["none at a time", "{ invoices(first: 0) { totalCount } }", "first"],
  ["too many at a time", "{ invoices(first: 101) { totalCount } }", "first"],
  ["a cursor that is none", '{ invoices(after: "abc") { totalCount } }', "after"],
])("%s is BAD_USER_INPUT at its field", async (_name, query, field) => {
  const { errors } = await ada.ask(query);
  expect(errors?.map(({ extensions }) => extensions)).toEqual([{ code: "BAD_USER_INPUT", field }]);
});

import { type Orm, openDatabase } from "../../src/database.ts";
import { Invoice, InvoiceLine } from "../../src/entities/invoice.ts";
import { OutboxEvent } from "../../src/entities/outbox-event.ts";
import { eventId } from "../../src/events/event-types.ts";
import { addToOutbox } from "../../src/events/outbox.ts";
import { flush } from "../../src/flush.ts";
import { lookAhead } from "../../src/sync/look-ahead.ts";
import { findRow, mirror, mirrorAll } from "../../src/sync/mirror.ts";
import { claimTickets, type Ticket, Tickets } from "../../src/sync/tickets.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { statementsOf } from "../support/statements.ts";

let database: TestDatabase;
let orm: Orm;

beforeAll(async () => {
  database = await createTestDatabase();
  orm = await openDatabase(database.url);
});
afterAll(async () => {
  await orm.close(true);
  await database.drop();
});

const KEY = { stripeInvoiceId: "in_1" };
const VALUES: Partial<Invoice> = {
  userId: "learner-1",
  stripeSubscriptionId: null,
  number: "CMH-0001",
  status: "OPEN",
  currency: "USD",
  subtotalMinor: 3_900,
  taxMinor: 0,
  totalMinor: 3_900,
  amountPaidMinor: 0,
  amountDueMinor: 3_900,
  paidAt: null,
  issuedAt: new Date("2026-03-01T00:00:00Z"),
  stripeCreatedAt: new Date("2026-03-01T00:00:00Z"),
};
const write = (values: Partial<Invoice>) =>
  orm.em.fork().transactional((tx) => mirror(tx, Invoice, KEY, values));

test("a new row is all news, the same again is none, and a change is what differs, with the version counted up", async () => {
  const first = await write(VALUES);
  expect([first.before, first.after, first.row.version]).toEqual([
    null,
    { stripeInvoiceId: "in_1", ...VALUES },
    1,
  ]);

  const again = await write({
    ...VALUES,
    stripeSubscriptionId: undefined as never,
    issuedAt: new Date("2026-03-01T00:00:00.000Z"),
    subtotalMinor: 3_900,
  });
  expect([again.before, again.after, again.row.version]).toEqual([{}, null, 1]);

  const paidAt = new Date("2026-03-01T00:05:00Z");
  const paid = await write({ ...VALUES, status: "PAID", paidAt, amountPaidMinor: 3_900 });
  expect(paid.before).toEqual({ status: "OPEN", paidAt: null, amountPaidMinor: 0 });
  expect(paid.after).toEqual({ status: "PAID", paidAt, amountPaidMinor: 3_900 });

  const kept = await orm.em.fork().findOneOrFail(Invoice, KEY);
  expect(kept).toMatchObject({ id: first.row.id, version: 2, status: "PAID", paidAt });
});

test("a date that moves by a second is a change", async () => {
  const { row } = await write({ ...VALUES });
  const moved = await write({ ...VALUES, issuedAt: new Date("2026-03-01T00:00:01Z") });
  expect(moved.row.version).toBe(row.version + 1);
  expect(Object.keys(moved.after ?? {})).toEqual(["issuedAt"]);
});

test("a fact is written into the outbox once, however often it is told, and a user's facts are counted without gaps", async () => {
  const tell = (...facts: string[]) =>
    orm.em.fork().transactional((tx) =>
      addToOutbox(
        tx,
        facts.map((fact) => ({
          id: eventId("payment.succeeded", fact),
          type: "payment.succeeded" as const,
          userId: "learner-1",
          occurredAt: new Date("2026-03-01T00:00:00Z"),
          data: { fact },
        })),
      ),
    );
  await tell("ch_1", "ch_2");
  await tell("ch_2", "ch_1", "ch_3");
  await tell();
  const rows = await orm.em
    .fork()
    .find(OutboxEvent, { userId: "learner-1" }, { orderBy: { sequence: "asc" } });
  expect(rows.map(({ sequence, data }) => [sequence, data.fact])).toEqual([
    [1, "ch_1"],
    [2, "ch_2"],
    [3, "ch_3"],
  ]);
});

test("what was read later is never overwritten by what was read earlier", async () => {
  const tickets = new Tickets(orm.em.fork());
  const take = async () => (await tickets.next(["sub_1"]))[0] as Ticket;
  const [first, second, third] = [await take(), await take(), await take()];
  const claim = (ticket: Ticket) =>
    orm.em.fork().transactional(async (tx) => (await claimTickets(tx, [ticket])).has("sub_1"));
  expect([first, second, third].map(({ number }) => number)).toEqual([1, 2, 3]);
  expect(await claim(second)).toBe(true);
  expect(await claim(first)).toBe(false);
  expect(await claim(second)).toBe(false);
  expect(await claim(third)).toBe(true);
  expect((await tickets.next(["sub_2"]))[0]?.number).toBe(1);
});

test("tickets of several objects are each claimed by itself", async () => {
  const tickets = new Tickets(orm.em.fork());
  const early = await tickets.next(["sub_5", "sub_4", "sub_5"]);
  expect(early.map(({ objectId, number }) => [objectId, number])).toEqual([
    ["sub_5", 1],
    ["sub_4", 1],
    ["sub_5", 1],
  ]);
  const late = await tickets.next(["sub_4"]);
  const claim = (some: Ticket[]) => orm.em.fork().transactional((tx) => claimTickets(tx, some));
  expect(await claim(late)).toEqual(new Set(["sub_4"]));
  expect(await claim(early)).toEqual(new Set(["sub_5"]));
});

test("tickets taken at once are all different, in whatever order they are asked for", async () => {
  const tickets = new Tickets(orm.em.fork());
  const orders = [
    ["sub_3", "sub_6"],
    ["sub_6", "sub_3"],
  ];
  const taken = await Promise.all(
    Array.from({ length: 20 }, (_, at) => tickets.next(orders[at % 2] as string[])),
  );
  for (const id of ["sub_3", "sub_6"]) {
    const numbers = taken.flat().flatMap(({ objectId, number }) => (objectId === id ? [number] : []));
    expect(numbers.sort((left, right) => left - right)).toEqual(
      Array.from({ length: 20 }, (_, at) => at + 1),
    );
  }
});

test("new rows of several tables go in one statement, and later changes of them are seen", async () => {
  const line: Partial<InvoiceLine> = {
    ...{ stripeLineId: "il_1", stripeInvoiceId: "in_7", position: 0, description: "Premium" },
    ...{ amountMinor: 3_900, currency: "USD", periodEnd: new Date("2026-04-01T00:00:00.123Z") },
  };
  await orm.em.fork().transactional(async (tx) => {
    const { row } = await mirror(tx, Invoice, { stripeInvoiceId: "in_7" }, VALUES);
    await mirrorAll(tx, InvoiceLine, "stripeLineId", [line]);
    expect(await statementsOf(orm, () => flush(tx))).toBe(1);
    expect(await tx.findOne(Invoice, { stripeInvoiceId: "in_7" })).toBe(row);
    await mirror(tx, Invoice, { stripeInvoiceId: "in_7" }, { ...VALUES, status: "PAID" });
    expect(await statementsOf(orm, () => flush(tx))).toBe(1);
    expect(await statementsOf(orm, () => flush(tx))).toBe(0);
  });
  const em = orm.em.fork();
  const expected = { ...VALUES, stripeInvoiceId: "in_7", status: "PAID", version: 2 };
  expect(await em.findOne(Invoice, { stripeInvoiceId: "in_7" })).toMatchObject(expected);
  expect(await em.findOne(InvoiceLine, { stripeLineId: "il_1" })).toMatchObject({ ...line, quantity: null });
});

test("what was looked for ahead is not looked for again, and what is there is found", async () => {
  await write(VALUES);
  await orm.em.fork().transactional(async (tx) => {
    await lookAhead(tx, ["learner-1"], ["in_8", "in_9"]);
    const news = await mirror(tx, Invoice, { stripeInvoiceId: "in_8" }, { ...VALUES, number: "CMH-0008" });
    expect(await statementsOf(orm, () => mirror(tx, Invoice, { stripeInvoiceId: "in_9" }, VALUES))).toBe(0);
    expect(await findRow(tx, Invoice, { stripeInvoiceId: "in_8" })).toBe(news.row);
    // one that it was not asked about
    expect((await mirror(tx, Invoice, KEY, VALUES)).before).not.toBeNull();
  });
  await orm.em.fork().transactional(async (tx) => {
    await lookAhead(tx, ["learner-1"], ["in_8"]);
    const again = await mirror(tx, Invoice, { stripeInvoiceId: "in_8" }, { ...VALUES, number: "CMH-0008" });
    expect(again.after).toBeNull();
  });
});

import { type Learner, newLearner } from "../support/learner.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";

const HISTORY = `query ($id: ID!, $first: Int! = 100, $after: String) {
  subscriptionHistory(id: $id, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage hasPreviousPage endCursor }
    nodes { id at actor action subject subjectId reason causedBy changes { field before after } } } }`;
const STRIPE_ID = /\b(cus|sub|pi|ch|in|il|pm|price|prod|seti|si)_[A-Za-z0-9]{8,}/;

interface Entry {
  id: string;
  at: string;
  actor: string;
  action: string;
  subject: string;
  subjectId: string;
  reason: string | null;
  causedBy: string | null;
  changes: { field: string; before: string | null; after: string | null }[];
}

let service: TestService;
let admin: string;
let ada: Learner;
let id: string;
beforeAll(async () => {
  service = await startService();
  admin = await service.token(newUser(), "admin");
  ada = await newLearner(service);
  id = await ada.subscribe();
  await ada.cancel({ reason: "Exams are over." });
  await ada.resume();
  await ada.swapCard("pm_card_chargeCustomerFail");
  await ada.passPeriod();
  await ada.until(({ status }) => status === "PAST_DUE");
  // nothing is added any more
  await eventually(
    () => service.app.parts.orm.em.fork().execute("select id from stripe_events where status = 'pending'"),
    (pending) => pending.length === 0,
  );
});
afterAll(() => service.stop());

const page = async (variables: object = {}) =>
  (await service.ask(HISTORY, { id, ...variables }, admin)).data.subscriptionHistory;
const entries = async (): Promise<Entry[]> => (await page()).nodes;

test("tells a life newest first: who did what, why, by which event, and what it changed", async () => {
  const found = await eventually(entries, (nodes) =>
    nodes.some(
      ({ subject, changes }) =>
        subject === "SUBSCRIPTION" && changes.some(({ after }) => after === '"PAST_DUE"'),
    ),
  );
  const times = found.map(({ at }) => at);
  expect(times).toEqual([...times].sort().reverse());
  const oldestFirst = [...found].reverse();
  const told = oldestFirst.filter(({ actor }) => actor === `user:${ada.userId}`);
  expect(told.map(({ action, reason, subjectId }) => [action, reason, subjectId])).toEqual([
    ["cancelSubscription", "Exams are over.", id],
    ["resumeSubscription", null, id],
  ]);
  const statuses = oldestFirst
    .filter(({ subject }) => subject === "SUBSCRIPTION")
    .flatMap(({ changes }) => changes.filter(({ field }) => field === "status"))
    .map(({ before, after }) => [before, after]);
  expect(statuses).toEqual([
    [null, '"ACTIVE"'],
    ['"ACTIVE"', '"PAST_DUE"'],
  ]);
  const invoices = oldestFirst.filter(({ subject }) => subject === "INVOICE");
  expect(new Set(invoices.map(({ subjectId }) => subjectId)).size).toBe(2);
  expect(oldestFirst.find(({ subject }) => subject === "ACCESS")).toMatchObject({
    ...{ actor: "stripe", action: "created" },
    changes: expect.arrayContaining([{ field: "source", before: null, after: '"SUBSCRIPTION"' }]),
  });
  expect(found.some(({ causedBy }) => causedBy?.startsWith("evt_"))).toBe(true);
});

test("holds no id of Stripe's but of the events, and no address or secret", async () => {
  const withoutCauses = (await entries()).map(({ causedBy: _, ...entry }) => entry);
  const text = JSON.stringify(withoutCauses);
  expect(text).not.toMatch(STRIPE_ID);
  expect(text).not.toMatch(/evt_|https?:|_secret_/);
  expect(text).toContain("[at Stripe]");
});

test("comes page by page, and a page stays right while entries are added", async () => {
  const all = await entries();
  const first = await page({ first: 3 });
  expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
  expect(first.totalCount).toBe(all.length);
  await ada.cancel();
  const rest = await page({ after: first.pageInfo.endCursor });
  expect([...first.nodes, ...rest.nodes].map((entry: Entry) => entry.id)).toEqual(
    all.map((entry) => entry.id),
  );
  for (const faulty of [{ first: 0 }, { first: 101 }, { after: "nonsense" }])
    expect((await service.ask(HISTORY, { id, ...faulty }, admin)).errors?.[0]?.extensions.code).toBe(
      "BAD_USER_INPUT",
    );
});

test("is of one subscription alone, and null for what is none", async () => {
  const eve = await newLearner(service);
  const other = await eve.subscribe();
  const { data } = await service.ask(HISTORY, { id: other }, admin);
  const ids = new Set((await entries()).map((entry) => entry.id));
  expect(data.subscriptionHistory.nodes.some((entry: Entry) => ids.has(entry.id))).toBe(false);
  for (const unknown of ["01890000-0000-7000-8000-000000000000", "nonsense"])
    expect((await service.ask(HISTORY, { id: unknown }, admin)).data.subscriptionHistory).toBeNull();
});

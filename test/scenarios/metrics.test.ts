import { type OperationDefinitionNode, parse } from "graphql";
import { OperationLabels } from "../../src/http/operation-labels.ts";
import { openCheckout, STATUS } from "../support/checkout.ts";
import { collect, eventually, newUser, startService, type TestService } from "../support/service.ts";
import { deliver, eventOf } from "../support/webhook.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

/** The value of a series, as Prometheus would read it; 0 when there is none yet. */
async function read(series: string): Promise<number> {
  const response = await fetch(`${service.url}/metrics`);
  expect(response.headers.get("content-type")).toContain("text/plain");
  const line = (await response.text()).split("\n").find((one) => one.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? 0);
}

/** What is counted while `work` runs, once it has come to be. */
async function counting(series: string, work: () => Promise<unknown>): Promise<number> {
  const before = await read(series);
  await work();
  return (
    (await eventually(
      () => read(series),
      (value) => value > before,
    )) - before
  );
}

test("each measure is there under its name, and the process's own", async () => {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  const names = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`);
  expect(names).toEqual(
    expect.arrayContaining([
      "http_request_duration_seconds histogram",
      "graphql_operation_duration_seconds histogram",
      "stripe_request_duration_seconds histogram",
      "webhook_deliveries_total counter",
      "inbox_events_total counter",
      "outbox_published_total counter",
      "live_subscriptions gauge",
      "process_resident_memory_bytes gauge",
      "nodejs_eventloop_lag_seconds gauge",
    ]),
  );
});

test("operations have a hundred names, and the rest go by what they ask for", () => {
  const labels = new OperationLabels();
  const labelOf = (query: string) => labels.of(parse(query).definitions[0] as OperationDefinitionNode);
  const names = Array.from({ length: 100 }, (_, at) => `Name${at}`);
  expect(names.map((name) => labelOf(`query ${name} { plans { id } }`))).toEqual(names);
  expect(labelOf("query OneTooMany { plans { id } offers { id } }")).toBe("{plans}");
  expect(labelOf("query Name7 { offers { id } }")).toBe("Name7");
  expect(labelOf("{ ...Root }")).toBe("{…}");
});

describe("is counted:", () => {
  test("each request, by route and never by address", async () => {
    const series = 'http_request_duration_seconds_count{method="GET",route="/health",status="200"}';
    expect(await counting(series, () => fetch(`${service.url}/health/liveness?any=thing`))).toBe(1);
    const unknown = 'http_request_duration_seconds_count{method="GET",route="none",status="404"}';
    expect(await counting(unknown, () => fetch(`${service.url}/no/such/place`))).toBe(1);
  });

  test.each([
    ["Shop", "query", "ok", "query Shop { plans { id } }"],
    ["{plans}", "query", "ok", "{ plans { id } }"],
    ["{subscriptionStatus}", "query", "error", STATUS],
    ["Confirm", "mutation", "error", 'mutation Confirm { confirmCheckout(sessionId: "cs_1") { isPaid } }'],
    ["none", "none", "error", "query Shop {"],
    ["none", "none", "error", "query NotValid { nothing }"],
  ])("the operation %s, a %s, by its outcome, %s", async (name, type, outcome, query) => {
    const series = `graphql_operation_duration_seconds_count{operation="${name}",type="${type}",outcome="${outcome}"}`;
    // the second is answered without Apollo Server when it can be
    for (const _ of [1, 2]) expect(await counting(series, () => service.ask(query))).toBe(1);
  });

  test("each error of GraphQL's answers by its code, on whatever way", async () => {
    const series = (code: string, transport: string) =>
      `graphql_errors_total{code="${code}",transport="${transport}"}`;
    const live = "subscription { accessChanged { id } }";
    expect(await counting(series("UNAUTHENTICATED", "http"), () => service.ask(STATUS))).toBe(1);
    expect(await counting(series("GRAPHQL_PARSE_FAILED", "http"), () => service.ask("{"))).toBe(1);
    const bySocket = async () => collect(service.live(), live);
    expect(await counting(series("UNAUTHENTICATED", "websocket"), bySocket)).toBe(1);
    const byStream = () => fetch(`${service.url}/graphql/stream?query=${encodeURIComponent(live)}`);
    expect(await counting(series("UNAUTHENTICATED", "sse"), byStream)).toBe(1);
  });

  test("each delivery of Stripe's by what became of it", async () => {
    const event = JSON.stringify(eventOf("made.up", { id: "x" }));
    const series = (outcome: string) => `webhook_deliveries_total{outcome="${outcome}"}`;
    expect(await counting(series("stored"), () => deliver(service, event))).toBe(1);
    expect(await counting(series("repeated"), () => deliver(service, event))).toBe(1);
    expect(await counting(series("refused"), () => deliver(service, event, null))).toBe(1);
  });

  test("each call to Stripe, each event of the inbox and each event that leaves", async () => {
    const token = await service.token(newUser());
    const { data } = await openCheckout(service, token);
    expect(
      await read('stripe_request_duration_seconds_count{operation="checkout.sessions.create",outcome="ok"}'),
    ).toBe(1);
    const pay = () => service.pay(data.createCheckoutSession.id);
    expect(await counting('outbox_published_total{type="payment.succeeded"}', pay)).toBe(1);
    await eventually(
      () => read('inbox_events_total{outcome="done"}'),
      (count) => count > 3,
    );
    const gone = eventOf("customer.subscription.updated", { id: "sub_nowhere" });
    expect(
      await counting('inbox_events_total{outcome="ignored"}', () => deliver(service, JSON.stringify(gone))),
    ).toBe(1);
  });

  test("each live subscription while it is open", async () => {
    const live = collect(
      service.live(await service.token(newUser())),
      "subscription { accessChanged { id } }",
    );
    await eventually(
      () => read("live_subscriptions"),
      (count) => count === 1,
    );
    expect(await read('live_connections{transport="websocket"}')).toBe(1);
    live.stop();
    await eventually(
      () => read("live_subscriptions"),
      (count) => count === 0,
    );
  });
});

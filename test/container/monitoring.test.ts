import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { openCheckout, STATUS } from "../support/checkout.ts";
import { quietPort } from "../support/ports.ts";
import { eventually, newUser, startService, type TestService } from "../support/service.ts";

interface Alert {
  alert: string;
  expr: string;
  annotations: { summary: string; runbook: string };
}
const alerts: Alert[] = parse(readFileSync("monitoring/alerts.yaml", "utf8")).groups[0].rules;
const dashboard: { panels: { title: string; targets: { expr: string }[] }[] } = JSON.parse(
  readFileSync("monitoring/grafana-dashboard.json", "utf8"),
);

let service: TestService;
let port: number;
let shown: Map<string, Set<string>>;

beforeAll(async () => {
  port = await quietPort();
  service = await startService({ env: { METRICS_PORT: String(port) } });
  const token = await service.token(newUser());
  const { data } = await openCheckout(service, token);
  await service.pay(data.createCheckoutSession.id);
  await eventually(
    () => service.ask(STATUS, {}, token),
    (answer) => answer.data.subscriptionStatus?.grantsAccess,
  );
  await service.ask('{ accessTo(resourceType: COURSE, resourceId: "any") { granted } }', {}, token);
  shown = series(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
});
afterAll(() => service.stop());

/** Names of what is measured (a histogram's parts too), each with the labels that its series have. */
function series(text: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const [, name = ""] of text.matchAll(/^# TYPE (\w+) \w+$/gm)) found.set(name, new Set());
  for (const [, name = "", labels = ""] of text.matchAll(/^(\w+)(?:\{(.*)\})? /gm)) {
    const known = found.get(name) ?? new Set<string>();
    for (const [, label = ""] of labels.matchAll(/(\w+)="/g)) known.add(label);
    found.set(name, known);
  }
  return found;
}

/** What an expression asks for that nothing measures. `up` is Prometheus's own. */
function unknownIn(expr: string): string[] {
  const text = expr.replace(/"[^"]*"/g, '""');
  const names = [...text.matchAll(/\b([a-z]\w*_\w+)\b(?!\s*\()/g)].map(([, name]) => name as string);
  return names.filter((name) => !shown.has(name) && name !== "histogram_quantile");
}

test("a port of their own has the metrics, and the one for the world has none", async () => {
  expect(shown.size).toBeGreaterThan(20);
  expect((await fetch(`${service.url}/metrics`)).status).toBe(404);
  expect((await fetch(`http://127.0.0.1:${port}/graphql`)).status).toBe(404);
});

test.each([
  "inbox_recent_lag_seconds",
  "inbox_pending_most_attempts",
  "outbox_unsent_events",
  "outbox_oldest_unsent_seconds",
  "outbox_unsent_most_attempts",
  "live_connections",
  "access_decisions_total",
])("%s is measured", (name) => {
  expect([...shown.keys()]).toContain(name);
});

test.each(alerts.map((alert) => [alert.alert, alert] as const))(
  "%s asks for what is measured, and says what to do",
  (name, { expr, annotations }) => {
    expect(unknownIn(expr)).toEqual([]);
    const [file = "", anchor] = annotations.runbook.split("#");
    expect(anchor).toBe(name.toLowerCase());
    expect(readFileSync(file, "utf8")).toContain(`<a id="${anchor}"></a>${name} |`);
  },
);

test.each(dashboard.panels.map(({ title, targets }) => [title, targets] as const))(
  "the panel %s draws what is measured",
  (_title, targets) => {
    expect(targets.flatMap(({ expr }) => unknownIn(expr))).toEqual([]);
  },
);

test("an expression of what nobody measures is found", () => {
  expect(unknownIn("sum(rate(no_such_figure_total[5m]))")).toEqual(["no_such_figure_total"]);
});

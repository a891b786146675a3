import { pino } from "pino";
import { exportTraces } from "../../src/trace-export.ts";
import { startSpan, traced, traceparent, within } from "../../src/tracing.ts";
import { type Collector, startCollector } from "../support/collector.ts";
import { suiteLogger } from "../support/logs.ts";

const CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const NOT_KEPT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

let collector: Collector;
beforeAll(async () => {
  collector = await startCollector();
});
afterAll(() => collector.close());

/** Keeps traces of what runs, and gives what the collector has been told of it. */
async function collecting(ratio: number, work: () => Promise<unknown>) {
  const before = collector.spans().length;
  const settings = { endpoint: collector.url, headers: {}, serviceName: "a-test", ratio };
  const send = exportTraces(settings, logger);
  await work();
  await send();
  return collector.spans().slice(before);
}
const logger = suiteLogger() ?? pino({ level: "silent" });

test("without a tracer there is the work, and nothing to note", async () => {
  expect(startSpan("nothing")).toBeUndefined();
  expect(await traced("work", {}, async () => traceparent("evt_1") ?? "none")).toBe("none");
});

test("work goes on with its caller's trace, is linked to what else led to it, and has its own within", async () => {
  const spans = await collecting(1, () =>
    traced("outer", { kind: "consumer", parent: CALLER, links: [OTHER, null, "no trace"] }, () =>
      traced("inner", { kind: "client" }, async () => {}),
    ),
  );
  const [inner, outer] = spans;
  expect(spans).toHaveLength(2);
  expect(outer).toMatchObject({
    name: "outer",
    kind: 5,
    traceId: CALLER.slice(3, 35),
    parentSpanId: CALLER.slice(36, 52),
  });
  expect(outer?.links).toMatchObject([{ traceId: OTHER.slice(3, 35), spanId: OTHER.slice(36, 52) }]);
  expect(inner).toMatchObject({
    name: "inner",
    kind: 3,
    traceId: outer?.traceId,
    parentSpanId: outer?.spanId,
  });
});

test("of a failure its kind is told, and never its words", async () => {
  const failing = () => Promise.reject(new RangeError("ada@example.com has no card"));
  const spans = await collecting(1, () => traced("fails", {}, failing).catch(() => {}));
  expect(JSON.stringify(spans)).toContain("RangeError");
  expect(JSON.stringify(spans)).not.toContain("ada");
});

test("of traces that begin here a share is kept; of others the caller decides", async () => {
  const noted: (string | undefined)[] = [];
  const note = async () => void noted.push(traceparent());
  const spans = await collecting(0, async () => {
    await traced("ours", { parent: null }, note);
    await traced("kept by the caller", { parent: CALLER }, note);
  });
  expect(spans.map(({ name }) => name)).toEqual(["kept by the caller"]);
  expect(noted).toEqual([
    undefined,
    expect.stringMatching(/^00-0af7651916cd43dd8448eb211c80319c-\w{16}-01$/),
  ]);
  expect(await collecting(1, () => traced("not kept", { parent: NOT_KEPT }, note))).toEqual([]);
});

test("what is written for many at once goes on with the trace of each one's cause", async () => {
  await collecting(1, async () => {
    const span = startSpan("a shared transaction", { parent: OTHER });
    const noted = await traced(
      "work",
      { parent: CALLER },
      async () =>
        within(span as never, async () => [traceparent("evt_1"), traceparent("evt_2"), traceparent()]),
      ["evt_1"],
    );
    expect(noted.map((one) => one?.slice(3, 35))).toEqual(
      [CALLER, OTHER, OTHER].map((one) => one.slice(3, 35)),
    );
    expect(traceparent("evt_1")).toBeUndefined();
  });
});

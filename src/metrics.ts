import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

const FAST = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A database that does not answer holds the metrics up for no longer than this. */
const READ_MS = 2_000;

/** Who is answered in GraphQL, by the way on which the question came. */
export const TRANSPORTS = ["http", "websocket", "sse", "callback"] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** A figure that somebody else keeps. */
export interface Watched {
  name: string;
  help: string;
  labelNames?: readonly string[];
}

type Sample = { labels?: Record<string, string>; value: number };

/** What the service counts and times, served at /metrics. One registry for each app, so that tests can run several. */
export class Metrics {
  readonly registry = new Registry();

  readonly httpSeconds = this.histogram("http_request_duration_seconds", "HTTP requests by route", [
    "method",
    "route",
    "status",
  ]);
  readonly operations = this.histogram("graphql_operation_duration_seconds", "GraphQL operations", [
    "operation",
    "type",
    "outcome",
  ]);
  private readonly codes = this.counter(
    "graphql_errors_total",
    "Errors in GraphQL answers, most of which are 200 to HTTP, by code",
    ["code", "transport"],
  );
  readonly stripeSeconds = this.histogram("stripe_request_duration_seconds", "Calls to Stripe", [
    "operation",
    "outcome",
  ]);
  readonly stripeBudgetWait = this.histogram(
    "stripe_budget_wait_seconds",
    "Waiting for the budget of calls to Stripe",
    ["urgency"],
  );
  readonly stripeBudgetSpent = this.counter(
    "stripe_budget_spent_total",
    "Calls to Stripe that were not made: the budget had none left in time",
    ["urgency"],
  );
  readonly webhooks = this.counter(
    "webhook_deliveries_total",
    "Deliveries of Stripe's by what became of them",
    ["outcome"],
  );
  readonly events = this.counter("inbox_events_total", "Events of the inbox by how their work ended", [
    "outcome",
  ]);
  readonly duplicates = this.counter(
    "duplicate_subscriptions_total",
    "Second live subscriptions of a user by who made them",
    ["origin"],
  );
  readonly refundsSentBack = this.counter(
    "duplicate_refunds_sent_back_total",
    "Refunds of second subscriptions that did not arrive, by what comes next",
    ["next"],
  );
  readonly trimmed = this.counter("retention_trimmed_total", "What was let go of with age", ["what"]);
  readonly caughtUp = this.counter(
    "catch_up_events_total",
    "Events whose webhooks did not arrive, found in Stripe's list",
    [],
  );
  readonly published = this.counter("outbox_published_total", "Events sent to Redis", ["type"]);
  readonly decisions = this.counter("access_decisions_total", "Access decisions by who answered", ["from"]);
  readonly fencesFailed = this.counter(
    "access_fences_failed_total",
    "Changes of access that could not tell the cache before they were made",
    [],
  );
  readonly rateLimited = this.counter(
    "rate_limited_total",
    "Calls refused because a caller asked too often",
    ["class"],
  );
  readonly liveSubscriptions = new Gauge({
    name: "live_subscriptions",
    help: "Open GraphQL subscriptions",
    registers: [this.registry],
  });

  constructor() {
    // one that begins at 1 has not grown, for Prometheus: the first would be missed
    for (const origin of ["ours", "elsewhere"]) this.duplicates.inc({ origin }, 0);
    for (const next of ["refunded_again", "owed"]) this.refundsSentBack.inc({ next }, 0);
    this.fencesFailed.inc(0);
    for (const urgency of ["request", "job"]) this.stripeBudgetSpent.inc({ urgency }, 0);
    for (const transport of TRANSPORTS) this.codes.inc({ code: "INTERNAL_SERVER_ERROR", transport }, 0);
  }

  /** Counts the errors of an answer, as the client is told of them. */
  told(transport: Transport, errors: readonly { extensions?: Record<string, unknown> }[] = []): void {
    for (const { extensions } of errors) this.codes.inc({ code: String(extensions?.code), transport });
  }

  /** Adds the process's own figures (memory, event loop, garbage collection). */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  /** A figure that is read anew whenever somebody asks for the metrics. */
  watch(gauge: Watched, read: () => Promise<Sample[]>): void {
    this.watchAll({ gauge }, async () => ({ gauge: await read() }));
  }

  /**
   * Figures that are read together, by one statement say. When they cannot be read they are left out, and the others
   * are shown all the same.
   */
  watchAll<K extends string>(gauges: Record<K, Watched>, read: () => Promise<Record<K, Sample[]>>): void {
    const readOnce = whileUnderWay(() => within(READ_MS, read()));
    for (const key of Object.keys(gauges) as K[]) {
      const { labelNames = [], ...described } = gauges[key];
      const gauge: Gauge = new Gauge({
        ...{ ...described, labelNames: [...labelNames], registers: [this.registry] },
        async collect() {
          const samples = await readOnce().then(
            (all) => all[key],
            () => [],
          );
          gauge.reset();
          // a gauge without labels begins at 0, which would be a figure
          if (samples.length === 0 && labelNames.length === 0) gauge.remove();
          for (const { labels = {}, value } of samples) gauge.set(labels, value);
        },
      });
    }
  }

  private histogram<L extends string>(name: string, help: string, labelNames: L[]): Histogram<L> {
    return new Histogram({ name, help, labelNames, buckets: FAST, registers: [this.registry] });
  }

  private counter<L extends string>(name: string, help: string, labelNames: L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }
}

/** What is not there in time has failed. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not read within ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Whoever asks while the answer is on its way gets the same one. */
function whileUnderWay<T>(work: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined;
  return () => {
    underWay ??= work().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

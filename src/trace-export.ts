import { hostname } from "node:os";
import {
  type Span as ApiSpan,
  type Context,
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace-base";
import type { Logger } from "./logger.ts";
import { Outage } from "./outage.ts";
import type { TraceSettings } from "./trace-settings.ts";
import { type Span, type SpanOptions, traceWith } from "./tracing.ts";

const LONGEST_GOODBYE_MS = 3_000;
const KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};
const own = new WeakMap<Span, ApiSpan>();

/**
 * Keeps traces and sends them by OTLP over HTTP. Loaded only where they are wanted: without, none of OpenTelemetry's
 * packages is. Returns what sends the last ones, for a few seconds at most.
 */
export function exportTraces(settings: TraceSettings, logger: Logger): () => Promise<void> {
  const exporter = new OTLPTraceExporter({
    url: `${settings.endpoint}/v1/traces`,
    headers: settings.headers,
  });
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      "service.name": settings.serviceName,
      "service.instance.id": `${hostname()}-${process.pid}`,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(settings.ratio) }),
    spanProcessors: [new BatchSpanProcessor(told(exporter, new Outage("The collector of traces", logger)))],
  });
  const tracer = provider.getTracer("payment-service");
  traceWith({
    start(name, { kind, parent, links = [], attributes = {} }, around) {
      const options = {
        ...{ attributes, links: links.flatMap(linkTo) },
        ...(kind && { kind: KINDS[kind] }),
      };
      return spanOf(tracer.startSpan(name, options, contextOf(parent, around)));
    },
  });
  return async () => {
    const late = new Promise((resolve) => setTimeout(resolve, LONGEST_GOODBYE_MS).unref());
    await Promise.race([provider.shutdown().catch(() => {}), late]);
  };
}

function contextOf(parent: SpanOptions["parent"], around: Span | undefined): Context {
  const remote = parent ? parsed(parent) : undefined;
  if (remote) return trace.setSpanContext(ROOT_CONTEXT, remote);
  const inside = parent === undefined && around && own.get(around);
  return inside ? trace.setSpan(ROOT_CONTEXT, inside) : ROOT_CONTEXT;
}

function spanOf(span: ApiSpan): Span {
  const { traceId, spanId, traceFlags } = span.spanContext();
  const isKept = (traceFlags & TraceFlags.SAMPLED) !== 0;
  const made: Span = {
    traceId,
    traceparent: isKept ? `00-${traceId}-${spanId}-01` : undefined,
    rename: (name) => span.updateName(name),
    note: (attributes) => span.setAttributes(attributes),
    end(failure) {
      if (failure !== undefined) {
        // its words may be somebody's
        span.setAttribute("error.type", kindOf(failure));
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
  };
  own.set(made, span);
  return made;
}

/** An error's class, a status; never a text. */
const kindOf = (failure: unknown) =>
  failure instanceof Error
    ? failure.constructor.name
    : typeof failure === "number"
      ? String(failure)
      : typeof failure;

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

function parsed(traceparent: string): SpanContext | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent) ?? [];
  if (!traceId || !spanId) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags as string, 16), isRemote: true };
}

function linkTo(traceparent: string | null | undefined): Link[] {
  const context = traceparent ? parsed(traceparent) : undefined;
  return context ? [{ context }] : [];
}

/** A collector that is away is told of once, as other parts are. */
function told(exporter: OTLPTraceExporter, outage: Outage): SpanExporter {
  return {
    export: (spans: ReadableSpan[], done) =>
      exporter.export(spans, (result) => {
        if (result.error) outage.failed(result.error);
        else outage.ended();
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush(),
  };
}

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A span as a collector of OpenTelemetry's is told of it. */
export interface CollectedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number;
  attributes: unknown[];
  links: unknown[];
  /** The process that made it. */
  instance: string;
}

/** What takes traces by OTLP over HTTP, in JSON. */
export interface Collector {
  readonly url: string;
  spans(): readonly CollectedSpan[];
  /** The span, those that it lies within, and so on to the first. */
  ancestry(span: CollectedSpan): CollectedSpan[];
  close(): Promise<void>;
}

interface Export {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: CollectedSpan[] }[];
  }[];
}

export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (part) => (text += part));
    request.on("end", () => {
      for (const { resource, scopeSpans } of (JSON.parse(text) as Export).resourceSpans) {
        const named = resource.attributes.find(({ key }) => key === "service.instance.id");
        const instance = named?.value.stringValue ?? "";
        for (const { spans: some } of scopeSpans) spans.push(...some.map((span) => ({ ...span, instance })));
      }
      response.setHeader("content-type", "application/json").end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const ancestry = (span: CollectedSpan): CollectedSpan[] => {
    const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
    return parent ? [span, ...ancestry(parent)] : [span];
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: () => spans,
    ancestry,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

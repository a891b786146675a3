import { z } from "zod";
import { isUrl, list } from "./config-values.ts";

/** Where traces go, and which. */
export interface TraceSettings {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  /** The share that is kept of traces that begin here. */
  readonly ratio: number;
}

const SHARE = "must be a share from 0 to 1";

/** OpenTelemetry's own names of variables, as far as they are heeded. */
export const traceVariables = {
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .string()
    .refine((value) => isUrl(value, /^https?:\/\//), "must be a URL such as http://collector:4318")
    .optional(),
  OTEL_EXPORTER_OTLP_HEADERS: z
    .string()
    .transform(list)
    .refine((pairs) => pairs.every(isPair), "must be name=value pairs, comma-separated and percent-encoded")
    .default([]),
  OTEL_SERVICE_NAME: z.string().default("payment-service"),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number(SHARE).min(0, SHARE).max(1, SHARE).default(1),
};

function isPair(pair: string): boolean {
  try {
    return /^[^=\s]+$/.test(headerIn(pair)[0]) && pair.includes("=");
  } catch {
    return false;
  }
}

/** Undefined: no traces are kept. */
export function traceSettings(env: z.output<z.ZodObject<typeof traceVariables>>): TraceSettings | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_HEADERS: pairs } = env;
  if (endpoint === undefined) return undefined;
  return {
    endpoint: endpoint.replace(/\/+$/, ""),
    headers: Object.fromEntries(pairs.map(headerIn)),
    ...{ serviceName: env.OTEL_SERVICE_NAME, ratio: env.OTEL_TRACES_SAMPLER_ARG },
  };
}

/** @throws URIError */
function headerIn(pair: string): [string, string] {
  const at = pair.indexOf("=");
  return [pair.slice(0, at).trim(), decodeURIComponent(pair.slice(at + 1).trim())];
}

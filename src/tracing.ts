import { AsyncLocalStorage } from "node:async_hooks";

/** What is told of a piece of work; values are words of ours and counts, never what belongs to somebody. */
export type SpanAttributes = Record<string, string | number | boolean>;

export interface SpanOptions {
  kind?: "server" | "client" | "producer" | "consumer";
  /** The `traceparent` that it goes on from, of another process; null for none. Left out: the work around it. */
  parent?: string | null;
  /** What else led to it. */
  links?: readonly (string | null | undefined)[];
  attributes?: SpanAttributes;
}

/** A piece of work in a trace. */
export interface Span {
  readonly traceId: string;
  /** As https://www.w3.org/TR/trace-context/ has it; undefined when this trace is not kept. */
  readonly traceparent: string | undefined;
  rename(name: string): void;
  note(attributes: SpanAttributes): void;
  /** @param failure what it ended with, of which only the kind is told */
  end(failure?: unknown): void;
}

/** Whoever keeps traces. */
export interface Tracer {
  start(name: string, options: SpanOptions, around: Span | undefined): Span;
}

let tracer: Tracer | undefined;
const current = new AsyncLocalStorage<Span>();
/** Spans of work that is under way for an event of Stripe's: what writes for many at once finds each one's here. */
const underWay = new Map<string, Span>();

/** From now on traces are kept. Without a tracer none of the functions here does anything but its work. */
export function traceWith(one: Tracer): void {
  tracer = one;
}

/** Whether traces are kept here. */
export const isTracing = () => tracer !== undefined;

/** A span that whoever begins it ends; undefined when no traces are kept. */
export function startSpan(name: string, options: SpanOptions = {}): Span | undefined {
  return tracer?.start(name, options, current.getStore());
}

/** Runs work whose own spans lie within this one. */
export const within = <T>(span: Span, work: () => T): T => current.run(span, work);

/**
 * Runs work as a span, which ends with it.
 * @param causes ids of the events of Stripe's that it is for
 */
export function traced<T>(
  name: string,
  options: SpanOptions,
  work: () => Promise<T>,
  causes: readonly string[] = [],
): Promise<T> {
  const span = startSpan(name, options);
  return span ? untilEnd(span, work, causes) : work();
}

async function untilEnd<T>(span: Span, work: () => Promise<T>, causes: readonly string[]): Promise<T> {
  for (const cause of causes) underWay.set(cause, span);
  try {
    const result = await within(span, work);
    span.end();
    return result;
  } catch (error) {
    span.end(error);
    throw error;
  } finally {
    for (const cause of causes) underWay.delete(cause);
  }
}

/** Says what the work that runs turned out to be. */
export function nameSpan(name: string, attributes: SpanAttributes = {}): void {
  if (!tracer) return;
  const span = current.getStore();
  span?.rename(name);
  span?.note(attributes);
}

/** What a row keeps so that another process goes on with the trace: that of the work for an event of Stripe's, or that runs. */
export function traceparent(cause?: string | null): string | undefined {
  if (!tracer) return undefined;
  return (cause ? (underWay.get(cause) ?? current.getStore()) : current.getStore())?.traceparent;
}

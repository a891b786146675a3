import { AsyncLocalStorage } from "node:async_hooks";
import { type DestinationStream, type Logger, pino, stdSerializers } from "pino";
import { isConnectionFailure, reasonOf } from "./outage.ts";

export type { Logger };

/** What every log line of one piece of work carries: the request, the trace, or the event being handled. */
export interface LogScope {
  requestId?: string;
  traceId?: string;
  eventId?: string;
  intentId?: string;
}

const scope = new AsyncLocalStorage<LogScope>();

/** Runs `work` so that every log line within carries `ids` as well as those of the scope around it. */
export function withLogScope<T>(ids: LogScope, work: () => T): T {
  return scope.run({ ...scope.getStore(), ...ids }, work);
}

/** The ids of the work that is running, for error answers and outgoing messages. */
export function logScope(): LogScope {
  return scope.getStore() ?? {};
}

/** Never written to a log, wherever it stands in an object up to three levels deep. */
const SECRETS = [
  "authorization",
  "Authorization",
  "token",
  "password",
  "secret",
  "clientSecret",
  "client_secret",
  "url",
  "email",
];
const redacted = SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** Of a part that is out of reach a few words say all: the stack only tells who has waited for it. */
const shown = (error: Error) =>
  isConnectionFailure(error) ? { type: error.name, message: reasonOf(error) } : stdSerializers.err(error);

/** JSON lines on standard output, or wherever else; secrets and personal data are cut out. */
export function createLogger(level: string, into?: DestinationStream): Logger {
  const options = {
    level,
    serializers: { err: shown },
    mixin: () => ({ ...scope.getStore() }),
    redact: { paths: redacted, censor: "[redacted]" },
  };
  return into ? pino(options, into) : pino(options);
}

import { AsyncLocalStorage } from "node:async_hooks";
import { type DestinationStream, type Logger, pino } from "pino";
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

/** JSON lines on standard output, or wherever else; secrets and personal data are cut out. */
export function createLogger(level: string, into?: DestinationStream): Logger {
  const options = {
    level,
    mixin: () => ({ ...scope.getStore() }),
    redact: { paths: redacted, censor: "[redacted]" },
    serializers: { err: described },
  };
  return into ? pino(options, into) : pino(options);
}

/** The members of errors that are told; in others drivers keep rows, and clients whole requests. */
const TOLD = ["code", "constraint", "table", "column", "statusCode", "requestId"] as const;

/** What a log line tells of an error. */
function described(error: unknown): object {
  // of a part that is out of reach a few words say all: the stack only tells who has waited for it
  if (isConnectionFailure(error)) return { type: error.name, message: reasonOf(error) };
  if (!(error instanceof Error)) return { message: String(error) };
  const members = error as Partial<Record<(typeof TOLD)[number], unknown>>;
  return {
    type: error.constructor.name,
    message: plainMessage(error),
    ...Object.fromEntries(TOLD.filter((name) => members[name] != null).map((name) => [name, members[name]])),
    // without the lines above the frames, which repeat the message
    stack: error.stack
      ?.split("\n")
      .filter((line) => /^ +at /.test(line))
      .join("\n"),
    ...(error.cause !== undefined && error.cause !== error && { cause: described(error.cause) }),
  };
}

/** An error's message without what PostgreSQL adds or quotes: rows and values, e-mail addresses among them. */
export function plainMessage(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const isBadValue = /^22/.test(String((error as { code?: unknown } | null)?.code));
  const [plain = ""] = message.split(isBadValue ? /\n - detail: |: "/ : "\n - detail: ");
  return plain;
}

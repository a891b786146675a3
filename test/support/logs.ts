import { Writable } from "node:stream";
import { createLogger, type Logger } from "../../src/logger.ts";

/** A log line as it is written. */
export type LogLine = Record<string, unknown> & { level: number; msg?: string };

/** The service's own logger, writing into memory. */
export function recordLogs(level = "trace"): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const into = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().split("\n")) if (line) lines.push(JSON.parse(line) as LogLine);
      done();
    },
  });
  return { logger: createLogger(level, into), lines };
}

/** Whatever is printed past the logger until `stop`. */
export function watchConsole(): { printed: string[]; stop(): void } {
  const printed: string[] = [];
  const names = ["log", "info", "warn", "error", "debug"] as const;
  const before = names.map((name) => console[name]);
  for (const name of names) console[name] = (...words: unknown[]) => void printed.push(words.join(" "));
  return {
    printed,
    stop: () => {
      for (const [at, name] of names.entries()) console[name] = before[at] as typeof console.log;
    },
  };
}

import { appendFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { createLogger, type Logger } from "../../src/logger.ts";
import { secretsIn } from "./secrets.ts";

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

/** Where services of the suite log, when nothing else is wanted: `npm test` reads it at the end. */
export function suiteLogger(): Logger | undefined {
  const folder = process.env.TEST_LOG_DIR;
  if (!folder || process.env.TEST_LOG_LEVEL) return undefined;
  const file = join(folder, `${process.pid}.log`);
  return createLogger("debug", { write: (line) => appendFileSync(file, line) });
}

/** What of the suite's log should never have been written, once each, and how many lines were read. */
export function secretsOfSuite(folder: string): { lines: number; secrets: string[] } {
  const texts = existsSync(folder)
    ? readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"))
    : [];
  const lines = texts.flatMap((text) => text.split("\n")).filter(Boolean);
  return { lines: lines.length, secrets: [...new Set(lines.flatMap(secretsIn))] };
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

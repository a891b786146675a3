import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";

/** A child whose output can be waited on. */
export interface Watched {
  readonly child: ChildProcess;
  /** Everything it has written so far. */
  output(): string;
  /** The first match in its output. @throws Error with the output when it ends, or takes too long, without one. */
  until(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** Sends the signal and waits for the end; its exit code, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/** Starts a program and watches what it writes. */
export function watch(program: string, args: readonly string[], options: SpawnOptions = {}): Watched {
  const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (part) => (text += part));
  child.on("error", (error) => (text += error.message));
  return {
    child,
    output: () => text,
    until: (pattern, timeoutMs = 20_000) => waitFor(child, () => text, pattern, timeoutMs),
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode;
      const ended = once(child, "exit");
      child.kill(signal);
      const [code, by] = (await ended) as [number | null, NodeJS.Signals | null];
      return code ?? by;
    },
  };
}

/** Runs a program to its end. */
export async function runToEnd(program: string, args: readonly string[], options: SpawnOptions = {}) {
  const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  const texts = { stdout: "", stderr: "" };
  child.stdout?.on("data", (part) => (texts.stdout += part));
  child.stderr?.on("data", (part) => (texts.stderr += part));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...texts };
}

function waitFor(child: ChildProcess, text: () => string, pattern: RegExp, timeoutMs: number) {
  return new Promise<RegExpExecArray>((resolve, reject) => {
    const settle = (error?: string) => {
      const match = pattern.exec(text());
      if (!match && !error) return;
      clearInterval(poll);
      clearTimeout(limit);
      if (match) resolve(match);
      else reject(new Error(`${error} without ${pattern}:\n${text()}`));
    };
    const poll = setInterval(() => settle(hasEnded(child) ? "ended" : undefined), 10);
    const limit = setTimeout(() => settle(`${timeoutMs} ms passed`), timeoutMs);
  });
}

const hasEnded = (child: ChildProcess) =>
  (child.exitCode !== null || child.signalCode !== null) && child.stdout?.readableEnded !== false;

import { execFile } from "node:child_process";
import { readFile, readlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const POLL_MS = 20;

/** Whether a process with this id exists. A zombie counts as gone: it holds nothing any more. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  if (process.platform !== "linux") return true;
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && !/\) [ZX] /.test(stat);
}

/** Whether process `pid` is the program `name` working in `folder` (a server's own data folder). */
export async function worksIn(pid: number, name: string, folder: string): Promise<boolean> {
  if (process.platform === "linux") {
    const [program, cwd] = await Promise.all([
      readFile(`/proc/${pid}/comm`, "utf8").catch(() => ""),
      readlink(`/proc/${pid}/cwd`).catch(() => ""),
    ]);
    return program.trim() === name && cwd === folder;
  }
  const { stdout } = await run("ps", ["-o", "command=", "-p", `${pid}`]).catch(() => ({ stdout: "" }));
  return stdout.includes(name) && stdout.includes(folder);
}

/** Waits until `pid` is gone; false when it is still there after `timeoutMs`. */
export async function waitUntilGone(pid: number, timeoutMs: number): Promise<boolean> {
  for (const end = Date.now() + timeoutMs; Date.now() < end; await sleep(POLL_MS))
    if (!(await isAlive(pid))) return true;
  return !(await isAlive(pid));
}

/**
 * Ends `pid` by the signals in turn, each given its time. Does nothing when it is already gone.
 * @throws Error when it outlives the last one.
 */
export async function endProcess(pid: number, signals: [NodeJS.Signals, number][]): Promise<void> {
  for (const [signal, timeoutMs] of signals) {
    try {
      process.kill(pid, signal);
    } catch {
      return; // gone
    }
    if (await waitUntilGone(pid, timeoutMs)) return;
  }
  throw new Error(`process ${pid} does not end`);
}

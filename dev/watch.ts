// `npm run dev:watch`: on every change compiles, and starts `npm run dev` again when that succeeds.
// Watches by itself: the compiler's own --watch (TypeScript 7.0) does not see changes everywhere.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");
const FOLDERS = ["src", "migrations", "sandbox", "dev"];
const SETTLE_MS = 150; // an editor writes a file in several steps
let service: ChildProcess | undefined;
let work = startService(); // the build has just been made
let settled: NodeJS.Timeout | undefined;

async function startService(): Promise<void> {
  const main = join(import.meta.dirname, "main.js");
  service = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", main], { stdio: "inherit" });
}

async function stopService(): Promise<void> {
  if (!service || service.exitCode !== null || service.signalCode !== null) return;
  const ended = once(service, "exit");
  service.kill("SIGTERM");
  await ended;
}

/** Whether it compiled; what is wrong is on the terminal. The old service runs on when it did not. */
async function compiles(): Promise<boolean> {
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const [code] = await once(spawn(process.execPath, [compiler, "-p", ROOT], { stdio: "inherit" }), "exit");
  return code === 0;
}

async function onChange(): Promise<void> {
  console.log("changed: compiling …");
  if (!(await compiles())) return;
  await stopService();
  await startService();
}

for (const folder of FOLDERS)
  watch(join(ROOT, folder), { recursive: true }, (_, name) => {
    if (!name?.endsWith(".ts")) return;
    clearTimeout(settled);
    settled = setTimeout(() => {
      work = work.then(onChange);
    }, SETTLE_MS);
  });

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, async () => {
    clearTimeout(settled);
    await work.then(stopService);
    process.exit(0);
  });

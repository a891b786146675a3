// `npm run dev:watch`: compiles on every change and starts `npm run dev` again when that succeeded.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");
const MAIN = join(import.meta.dirname, "main.js");
const COMPILER = join(ROOT, "node_modules/typescript/bin/tsc");
let service: ChildProcess | undefined;
let restarting = Promise.resolve();

async function restart(): Promise<void> {
  await stopService();
  service = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN], { stdio: "inherit" });
}

async function stopService(): Promise<void> {
  if (!service || service.exitCode !== null || service.signalCode !== null) return;
  const ended = once(service, "exit");
  service.kill("SIGTERM");
  await ended;
}

const compiler = spawn(
  process.execPath,
  [COMPILER, "-p", join(ROOT, "tsconfig.json"), "--watch", "--preserveWatchOutput"],
  {
    stdio: ["ignore", "pipe", "inherit"],
  },
);
compiler.stdout.on("data", (output: Buffer) => {
  process.stdout.write(output);
  if (/Found 0 errors/.test(output.toString())) restarting = restarting.then(restart);
});

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, async () => {
    compiler.kill();
    await restarting.then(stopService);
    process.exit(0);
  });

import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../dev/embedded/ports.ts";
import { removePostgresData } from "../../dev/embedded/postgres-place.ts";
import { programOnPath } from "../../dev/embedded/programs.ts";
import { runToEnd, type Watched, watch } from "./processes.ts";
import { DIST } from "./root.ts";

/** A place for `npm run dev` to run in: an empty folder without a `.env`, and ports of its own. */
export interface DevPlace {
  readonly dataDir: string;
  readonly serviceUrl: string;
  readonly sandboxUrl: string;
  /** Starts `npm run dev`, compiled; resolves when a line says `ready`. @throws Error with its output. */
  start(): Promise<Watched>;
  /** Starts it without waiting. */
  begin(): Watched;
  /** Runs another command of the same project to its end: `token`, `demo`. */
  run(command: string, args?: readonly string[], env?: NodeJS.ProcessEnv): ReturnType<typeof runToEnd>;
  remove(): Promise<void>;
}

/** @param env what the person has set, beside the ports. */
export async function makeDevPlace(env: NodeJS.ProcessEnv = {}): Promise<DevPlace> {
  const folder = mkdtempSync(join(tmpdir(), "dev-test-"));
  const dataDir = join(folder, ".data");
  const [port, sandboxPort] = [await freePort(), await freePort()];
  const { PATH, HOME } = process.env; // nothing of the suite's own settings
  const options = {
    cwd: folder,
    env: { PATH, HOME, PORT: `${port}`, SANDBOX_PORT: `${sandboxPort}`, ...env },
  };
  const begin = () => watch(process.execPath, [join(DIST, "dev/main.js")], options);
  return {
    dataDir,
    serviceUrl: `http://127.0.0.1:${port}`,
    sandboxUrl: `http://127.0.0.1:${sandboxPort}`,
    begin,
    async start() {
      const dev = begin();
      await dev.until(/^ready/m, 25_000);
      return dev;
    },
    run: (command, args = [], more = {}) =>
      runToEnd(process.execPath, [join(DIST, "dev", `${command}.js`), ...args], {
        ...options,
        env: { ...options.env, ...more },
      }),
    async remove() {
      await removePostgresData(dataDir);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A PATH with just these programs of this machine. */
export function pathWith(folder: string, ...names: readonly string[]): string {
  mkdirSync(folder, { recursive: true });
  for (const name of names) {
    const program = programOnPath(name);
    if (program) symlinkSync(program, join(folder, name));
  }
  return folder;
}

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/root.ts";

const FOLDER = join(ROOT, "test/supergraph/tools");

/** What a composer made of the subgraphs. */
export interface Composed {
  errors: string[];
  supergraphSdl: string;
  publicSdl: string | null;
}

/** A gateway in a process of its own. */
export interface Gateway {
  url: string;
  stop(): void;
}

/** The composers and gateways have a package of their own: installed when it is first needed. */
export function installTools(): void {
  if (existsSync(join(FOLDER, "node_modules/@graphql-mesh/transport-http-callback"))) return;
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], {
    ...{ cwd: FOLDER, stdio: ["ignore", "ignore", "inherit"] },
  });
}

/** Composes with Apollo's and The Guild's composers, and The Guild's once more without what is tagged `internal`. */
export function compose(
  subgraphs: { name: string; url: string; sdl: string }[],
): Record<"apollo" | "guild" | "contract", Composed> {
  const input = JSON.stringify(subgraphs.map(({ name, url, sdl }) => ({ name, url, sdl })));
  const output = execFileSync(process.execPath, ["compose.mjs"], {
    ...{ cwd: FOLDER, input, env: plain() },
    maxBuffer: 10_000_000,
  });
  return JSON.parse(output.toString());
}

/** Starts a gateway of a supergraph, and waits until it listens. */
export async function startGateway(
  program: "apollo-gateway" | "hive-gateway",
  sdl: string,
  ...options: string[]
): Promise<Gateway> {
  const child = spawn(process.execPath, [`${program}.mjs`, ...options], {
    ...{ cwd: FOLDER, stdio: ["pipe", "pipe", "inherit"], env: plain() },
  });
  child.stdin?.end(sdl);
  return { url: await addressOf(child, program), stop: () => void child.kill("SIGKILL") };
}

async function addressOf(child: ChildProcess, program: string): Promise<string> {
  for await (const chunk of child.stdout ?? []) {
    const found = /http:\/\/\S+/.exec(String(chunk));
    if (found) return found[0];
  }
  throw new Error(`${program} ended before it listened`);
}

/** Jest's own options are not for these. */
function plain(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...env } = process.env;
  return env;
}

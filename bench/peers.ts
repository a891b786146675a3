import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** Where the sources and packages are of what the service is measured beside. */
export const PEERS = join(import.meta.dirname, "../../bench/peers");

/** Installs their packages, unless the one that is asked for is there. */
export function installPeers(wanted: string): void {
  if (existsSync(join(PEERS, "node_modules", wanted))) return;
  execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], {
    ...{ cwd: PEERS, stdio: "inherit" },
  });
}

import { spawnSync } from "node:child_process";
import { programOnPath } from "../../dev/embedded/programs.ts";
import { chromiumPath } from "./browser.ts";

/** What the suite needs beside npm's packages, by the names of Debian's packages. */
export function missingPrograms(): string[] {
  const missing: string[] = [];
  if (!programOnPath("redis-server")) missing.push("redis-server");
  if (!chromiumPath()) missing.push("chromium");
  return missing;
}

/** The one command that installs them on this machine. */
export function installCommand(packages: readonly string[]): string {
  if (process.platform === "darwin") return `brew install ${packages.map(brewName).join(" ")}`;
  const install = `apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  return process.getuid?.() === 0 ? install : `sudo ${install}`;
}

const brewName = (name: string) => (name === "redis-server" ? "redis" : name);

/** Installs Debian packages without a question, as root or by sudo without a password; whether it worked. */
export function install(packages: readonly string[]): boolean {
  if (!programOnPath("apt-get")) return false;
  return apt(["update", "-qq"]) && apt(["install", "-y", "-qq", "--no-install-recommends", ...packages]);
}

function apt(args: string[]): boolean {
  const command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...args];
  if (process.getuid?.() !== 0) command.unshift("sudo", "-n");
  const [program, ...rest] = command as [string, ...string[]];
  return spawnSync(program, rest, { stdio: ["ignore", "ignore", "inherit"] }).status === 0;
}

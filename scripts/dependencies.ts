// `npm run deps`: licences, where packages come from, and what is known against them.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { table } from "./terminal.ts";

const HELP = `npm run deps [-- --production]

Lists the licences of all packages in package-lock.json (with --production only of those that run), the registries
that they come from, and what \`npm audit\` knows against those that run. Exits with 1 for a vulnerability, and for a licence or a
registry that is not expected; where the registry answers no audits it prints "not checked".`;

/** Licences that ask for no more than to be named. */
const EXPECTED = new Set([
  ...["MIT", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "BlueOak-1.0.0", "CC0-1.0"],
  ...["CC-BY-4.0", "Python-2.0"],
]);

interface Package {
  license?: string;
  resolved?: string;
  dev?: boolean;
  devOptional?: boolean;
}

/** The packages of a lockfile by their places. */
export function packagesOf(lockfile: string, productionOnly = false): [place: string, Package][] {
  const { packages } = JSON.parse(lockfile) as { packages: Record<string, Package> };
  return Object.entries(packages).filter(
    ([place, { dev, devOptional }]) => place !== "" && !(productionOnly && (dev || devOptional)),
  );
}

/** Those whose licence is none of those expected; of several that may be chosen from, one has to be. */
export const unexpected = (packages: [string, Package][]): string[] =>
  packages.filter(([, { license = "none" }]) => !isExpected(license)).map(([place]) => place);

const isExpected = (license: string): boolean =>
  license
    .replace(/[()]/g, "")
    .split(" OR ")
    .some((one) => one.split(" AND ").every((part) => EXPECTED.has(part)));

/** Hosts that packages come from where the lockfile names them; it names none for the registry that npm is set to. */
export const registriesOf = (packages: [string, Package][]): string[] => [
  ...new Set(packages.flatMap(([, { resolved }]) => (resolved ? [new URL(resolved).host || resolved] : []))),
];

function licences(packages: [string, Package][]): string {
  const counts = new Map<string, number>();
  for (const [, { license = "none" }] of packages) counts.set(license, (counts.get(license) ?? 0) + 1);
  return table(
    ["licence", "packages"],
    [...counts].sort(([, one], [, other]) => other - one),
  );
}

/** How many vulnerabilities are known, or null where nobody says. */
function audited(): { total: number; text: string } | null {
  const { stdout } = spawnSync("npm", ["audit", "--omit=dev", "--json"], { encoding: "utf8" });
  try {
    const { total, ...by } = JSON.parse(stdout).metadata.vulnerabilities as Record<string, number>;
    return { total: total ?? 0, text: table(["severity", "packages"], Object.entries(by)) };
  } catch {
    return null;
  }
}

function main(): number {
  const production = process.argv.includes("--production");
  const packages = packagesOf(readFileSync("package-lock.json", "utf8"), production);
  const odd = unexpected(packages);
  const registries = registriesOf(packages);
  const audit = audited();
  console.log(`${licences(packages)}\n`);
  console.log(`licences that are not expected: ${odd.join(", ") || "none"}`);
  console.log(
    `registries named: ${registries.join(", ") || "none, so all come from the one that npm is set to"}`,
  );
  console.log(
    audit
      ? `vulnerabilities known:\n${audit.text}`
      : "vulnerabilities: not checked (the registry answers no audits)",
  );
  return odd.length > 0 || registries.length > 1 || (audit?.total ?? 0) > 0 ? 1 : 0;
}

if (process.argv.includes("--help")) console.log(HELP);
else if (import.meta.main) process.exitCode = main();

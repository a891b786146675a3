import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { FolderInUse, holdLock } from "./lock.ts";
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
  if (known !== home) await remember(join(known, NOTE), home); // the checkout may have been moved
  if (!account || known !== home || (await canEnter(home, account))) return known;
  const shared = await sharedFolder();
  await tidy(shared, home);
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
  await stopOrphan(place);
  await rm(place, { recursive: true, force: true });
}

async function stopOrphan(place: string): Promise<void> {
  const orphan = await findPostmaster(join(place, "data"));
  if (orphan) await stopPostmaster(orphan.pid);
}

/**
 * What others left outside. Of an earlier DATA_DIR at the same path, which was deleted: its server and its
 * cluster go. Of one that is nowhere to be seen, perhaps moved: only a server that still runs.
 */
async function tidy(shared: string, home: string): Promise<void> {
  for (const name of await readdir(shared)) {
    const place = join(shared, name);
    if (!name.startsWith(PREFIX) || !(await isOurs(place))) continue;
    const madeFor = await recall(join(place, NOTE));
    if (madeFor === home) await unlessInUse(place, () => removePlace(place));
    else if (madeFor && !existsSync(madeFor)) await unlessInUse(place, () => stopOrphan(place));
  }
}

async function unlessInUse(place: string, work: () => Promise<void>): Promise<void> {
  let release: () => void;
  try {
    release = holdLock(join(place, "lock"), "PostgreSQL");
  } catch (error) {
    if (error instanceof FolderInUse) return;
    throw error;
  }
  await work().finally(release);
}

import { readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

const SQLITE_BUSY = 5;

/** Somebody else holds the folder. The message says who and what to do. */
export class FolderInUse extends Error {}

/** The sentence for whoever comes second. */
type Refusal = (folder: string, holder: string) => string;
const inUse =
  (what: string): Refusal =>
  (folder, holder) =>
    `${what} in ${folder} is in use by process ${holder}: stop that one, or set another DATA_DIR.`;

/**
 * Holds `path` until the returned function is called or the process ends, however it ends: SQLite locks
 * the file with the kernel's own lock, the only one Node reaches that a kill -9 releases and that no
 * reused process id can fake.
 * @throws FolderInUse when another process, or another part of this one, holds it.
 */
export function holdLock(path: string, what: string | Refusal): () => void {
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    lock.exec("BEGIN IMMEDIATE");
  } catch (error) {
    lock.close();
    if ((error as { errcode?: unknown }).errcode !== SQLITE_BUSY) throw error;
    const refusal = typeof what === "string" ? inUse(what) : what;
    throw new FolderInUse(refusal(dirname(path), holder(path)));
  }
  writeFileSync(`${path}.pid`, `${process.pid}\n`, { mode: 0o600 });
  return () => {
    if (lock.isOpen) lock.close();
  };
}

function holder(path: string): string {
  try {
    return readFileSync(`${path}.pid`, "utf8").trim();
  } catch {
    return "(unknown)";
  }
}

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

const SQLITE_BUSY = 5;

/** Another sandbox keeps its journal in the folder. The message says which, and what to do. */
export class FolderInUse extends Error {}

/**
 * Holds a folder until the returned function is called or the process ends, however it ends. SQLite locks
 * a file with the kernel's own lock: a `kill -9` releases it, and no process that happens to have the
 * holder's number (as every first process of a container has) can be taken for it.
 */
export function holdFolder(folder: string): () => void {
  const lock = new DatabaseSync(path.join(folder, "sandbox.lock"), { timeout: 0 });
  const pid = path.join(folder, "sandbox.pid");
  try {
    lock.exec("BEGIN IMMEDIATE");
  } catch (error) {
    lock.close();
    if ((error as { errcode?: unknown }).errcode !== SQLITE_BUSY) throw error;
    throw new FolderInUse(
      `The journal in ${folder} is in use by process ${numberIn(pid)}: stop that sandbox, or set DATA_DIR to another folder.`,
    );
  }
  writeFileSync(pid, `${process.pid}\n`);
  return () => {
    if (lock.isOpen) lock.close();
  };
}

function numberIn(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "(unknown)";
  }
}

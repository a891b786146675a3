import fs from "node:fs";
import path from "node:path";
import type { Kind } from "./kinds.ts";
import { holdFolder } from "./lock.ts";
import type { Store } from "./store.ts";
import type { Changes } from "./transaction.ts";

/** One committed transaction. */
interface Line extends Changes {
  offsetMs: number;
}

const ROWS_PER_LINE = 200;

/** The file is rewritten without its history once it is so many times what it was when last rewritten. */
const GROWTH = 4;
const SMALL_BYTES = 4 * 1024 * 1024;

const { O_APPEND, O_CREAT, O_TRUNC, O_WRONLY } = fs.constants;
const EMPTY_TO_APPEND = O_APPEND | O_CREAT | O_TRUNC | O_WRONLY;

/**
 * Keeps what is committed in one file, a line a transaction, written before the caller is answered:
 * a `kill -9` loses nothing that was answered. Without a folder it keeps nothing.
 */
export class Journal {
  private readonly file: string | null;
  private readonly smallBytes: number;
  private release = () => {};
  private descriptor: number | null = null;
  /** The length of all whole lines. */
  private size = 0;
  /** Whether a part of a line may follow them, which a failed write has left. */
  private isTorn = false;
  private rewriteAt = 0;

  /** @param smallBytes a file that is smaller is never worth rewriting */
  constructor(dataDir: string | undefined, smallBytes = SMALL_BYTES) {
    this.file = dataDir ? path.join(dataDir, "sandbox.ndjson") : null;
    this.smallBytes = smallBytes;
  }

  /**
   * Fills the store from the file and returns the time offset. Nothing is written, but the folder is held
   * from now on until `close`. Throws `FolderInUse` when another sandbox holds it.
   */
  async read(store: Store): Promise<number> {
    if (!this.file) return 0;
    fs.mkdirSync(path.dirname(this.file), { recursive: true });
    this.release = holdFolder(path.dirname(this.file));
    return fs.existsSync(this.file) ? await this.replay(this.file, store) : 0;
  }

  /** Rewrites the file without its history; what is committed from now on is appended. */
  open(store: Store, offsetMs: number): void {
    if (this.file) this.rewrite(this.file, store, offsetMs);
  }

  /** Adds a line, or throws and leaves the file as it was. */
  append(changes: Changes, offsetMs: number): void {
    if (this.descriptor === null) return;
    if (this.isTorn) this.mend(this.descriptor);
    this.isTorn = true;
    try {
      this.size += write(this.descriptor, { ...changes, offsetMs });
      this.isTorn = false;
    } finally {
      if (this.isTorn) this.mend(this.descriptor);
    }
  }

  /** Rewrites the file when it has grown much since that was last done. */
  tidy(store: Store, offsetMs: number): void {
    if (!this.file || this.descriptor === null || this.size < this.rewriteAt) return;
    // Where this fails (a full disk) the file goes on as it is, and is not tried again at each commit.
    this.rewriteAt = this.size * 2;
    this.rewrite(this.file, store, offsetMs);
  }

  /** Forgets everything. */
  clear(): void {
    if (this.descriptor !== null) fs.ftruncateSync(this.descriptor);
    this.size = 0;
  }

  close(): void {
    if (this.descriptor !== null) fs.closeSync(this.descriptor);
    this.descriptor = null;
    this.release();
  }

  private mend(descriptor: number): void {
    fs.ftruncateSync(descriptor, this.size);
    this.isTorn = false;
  }

  private async replay(file: string, store: Store): Promise<number> {
    let offsetMs = 0;
    let torn = false;
    for await (const text of linesOf(file)) {
      // Only the very last line can be torn, by a kill in the middle of writing it.
      if (torn) throw new Error(`${file} is damaged before its last line; remove it to start afresh.`);
      const line = parse(text);
      if (!line) {
        torn = true;
        continue;
      }
      for (const [kind, sequence, row] of line.put) store.put(kind, row as never, sequence);
      for (const [kind, id] of line.deleted) store.delete(kind, id);
      offsetMs = line.offsetMs;
    }
    return offsetMs;
  }

  /** Writes everything into a new file, which then takes the old one's place: at each moment one is whole. */
  private rewrite(file: string, store: Store, offsetMs: number): void {
    const fresh = `${file}.new`;
    const descriptor = fs.openSync(fresh, EMPTY_TO_APPEND);
    let size = 0;
    try {
      for (const put of batches(store)) size += write(descriptor, { put, deleted: [], offsetMs });
      fs.fsyncSync(descriptor);
      fs.renameSync(fresh, file);
    } catch (error) {
      fs.closeSync(descriptor);
      fs.rmSync(fresh, { force: true });
      throw error;
    }
    if (this.descriptor !== null) fs.closeSync(this.descriptor);
    this.descriptor = descriptor;
    this.size = size;
    this.isTorn = false;
    this.rewriteAt = Math.max(this.smallBytes, size * GROWTH);
  }
}

/** Writes the whole line, however many writes it takes; returns its length. */
function write(descriptor: number, line: Line): number {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(descriptor, bytes, at);
  return bytes.length;
}

/** All rows of the store, some to a line; one empty line for an empty store. */
function* batches(store: Store): Generator<Changes["put"]> {
  let put: Changes["put"] = [];
  for (const kind of store.kinds()) {
    for (const row of store.oldest(kind)) {
      put.push([kind as Kind, store.sequence(kind, row.id)!, row]);
      if (put.length < ROWS_PER_LINE) continue;
      yield put;
      put = [];
    }
  }
  yield put;
}

/** Lines end with \n alone: node's readline also ends them at the U+2028 that a text may have. */
async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of fs.createReadStream(file, "utf8") as AsyncIterable<string>) {
    const pieces = (rest + chunk).split("\n");
    rest = pieces.pop()!;
    yield* pieces;
  }
  if (rest !== "") yield rest;
}

function parse(text: string): Line | null {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return null;
  }
}

import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import type { Kind } from "./kinds.ts";
import type { Store } from "./store.ts";
import type { Changes } from "./transaction.ts";

/** One committed transaction. */
interface Line extends Changes {
  offsetMs: number;
}

const ROWS_PER_LINE = 200;

/**
 * Keeps what is committed in one file, a line a transaction, written before the caller is answered:
 * a `kill -9` loses nothing that was answered. Without a folder it keeps nothing.
 */
export class Journal {
  private readonly file: string | null;
  private descriptor: number | null = null;

  constructor(dataDir: string | undefined) {
    this.file = dataDir ? path.join(dataDir, "sandbox.ndjson") : null;
  }

  /** Fills the store from the file, then rewrites the file without its history. Returns the time offset. */
  async open(store: Store): Promise<number> {
    if (!this.file) return 0;
    fs.mkdirSync(path.dirname(this.file), { recursive: true });
    const offsetMs = fs.existsSync(this.file) ? await this.replay(this.file, store) : 0;
    this.compact(this.file, store, offsetMs);
    this.descriptor = fs.openSync(this.file, "a");
    return offsetMs;
  }

  append(changes: Changes, offsetMs: number): void {
    if (this.descriptor === null) return;
    fs.writeSync(this.descriptor, `${JSON.stringify({ ...changes, offsetMs } satisfies Line)}\n`);
  }

  /** Forgets everything. */
  clear(): void {
    if (this.descriptor !== null) fs.ftruncateSync(this.descriptor);
  }

  close(): void {
    if (this.descriptor !== null) fs.closeSync(this.descriptor);
    this.descriptor = null;
  }

  private async replay(file: string, store: Store): Promise<number> {
    let offsetMs = 0;
    let torn = false;
    for await (const text of readline.createInterface({ input: fs.createReadStream(file) })) {
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

  private compact(file: string, store: Store, offsetMs: number): void {
    const fresh = `${file}.new`;
    const descriptor = fs.openSync(fresh, "w");
    let put: Changes["put"] = [];
    const flush = () => {
      fs.writeSync(descriptor, `${JSON.stringify({ put, deleted: [], offsetMs } satisfies Line)}\n`);
      put = [];
    };
    for (const kind of store.kinds()) {
      for (const row of store.oldest(kind)) {
        put.push([kind as Kind, store.sequence(kind, row.id)!, row]);
        if (put.length === ROWS_PER_LINE) flush();
      }
    }
    flush();
    fs.fsyncSync(descriptor);
    fs.closeSync(descriptor);
    fs.renameSync(fresh, file);
  }
}

function parse(text: string): Line | null {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return null;
  }
}

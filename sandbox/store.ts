import { type IndexOf, indexes } from "./indexes.ts";
import type { Kind, Kinds } from "./kinds.ts";

/** Sequence numbers in ascending order. Nearly all arrive in order, so adding is nearly always a push. */
class Sequence {
  private readonly numbers: number[] = [];

  get size(): number {
    return this.numbers.length;
  }

  add(number: number): void {
    const last = this.numbers.at(-1);
    if (last === undefined || last < number) this.numbers.push(number);
    else this.numbers.splice(this.position(number), 0, number);
  }

  remove(number: number): void {
    const at = this.position(number);
    if (this.numbers[at] === number) this.numbers.splice(at, 1);
  }

  /** Newest first, starting below `before` when it is given. */
  *descending(before = Number.POSITIVE_INFINITY): Generator<number> {
    for (let at = this.position(before) - 1; at >= 0; at--) yield this.numbers[at]!;
  }

  /** Oldest first, starting above `after`. */
  *ascending(after: number): Generator<number> {
    for (let at = this.position(after + 1); at < this.numbers.length; at++) yield this.numbers[at]!;
  }

  private position(number: number): number {
    let low = 0;
    let high = this.numbers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.numbers[middle]! < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** What rows are looked up by, besides their id. */
type Keys<T> = Record<string, (row: T) => string | null | undefined>;

class Table<T extends { id: string }> {
  private readonly rows = new Map<number, T>();
  private readonly sequenceOf = new Map<string, number>();
  private readonly all = new Sequence();
  private readonly indexed = new Map<string, Map<string, Sequence>>();
  private readonly keys: [string, (row: T) => string | null | undefined][];

  constructor(keys: Keys<T>) {
    this.keys = Object.entries(keys);
    for (const [name] of this.keys) this.indexed.set(name, new Map());
  }

  get size(): number {
    return this.rows.size;
  }

  get(id: string): T | undefined {
    const sequence = this.sequenceOf.get(id);
    return sequence === undefined ? undefined : this.rows.get(sequence);
  }

  sequence(id: string): number | undefined {
    return this.sequenceOf.get(id);
  }

  put(row: T, sequence: number): void {
    const before = this.rows.get(sequence);
    if (before) this.unindex(before, sequence);
    else this.all.add(sequence);
    this.rows.set(sequence, row);
    this.sequenceOf.set(row.id, sequence);
    for (const [name, key] of this.keys) this.bucket(name, key(row))?.add(sequence);
  }

  delete(id: string): void {
    const sequence = this.sequenceOf.get(id);
    if (sequence === undefined) return;
    this.unindex(this.rows.get(sequence)!, sequence);
    this.all.remove(sequence);
    this.rows.delete(sequence);
    this.sequenceOf.delete(id);
  }

  /** Rows newest first; `from` leaves out that row and all newer ones. */
  *newest(within: Sequence | undefined, from?: number): Generator<T> {
    for (const sequence of within?.descending(from) ?? []) yield this.rows.get(sequence)!;
  }

  /** Rows oldest first; leaves out row `from` and all older ones. */
  *oldest(within: Sequence | undefined, from: number): Generator<T> {
    for (const sequence of within?.ascending(from) ?? []) yield this.rows.get(sequence)!;
  }

  within(index?: string, key?: string): Sequence | undefined {
    return index === undefined ? this.all : this.indexed.get(index)?.get(key ?? "");
  }

  private unindex(row: T, sequence: number): void {
    for (const [name, key] of this.keys) {
      const value = key(row);
      const bucket = this.bucket(name, value);
      bucket?.remove(sequence);
      if (bucket?.size === 0) this.indexed.get(name)!.delete(value!);
    }
  }

  private bucket(name: string, key: string | null | undefined): Sequence | undefined {
    if (key == null) return undefined;
    const buckets = this.indexed.get(name)!;
    const bucket = buckets.get(key) ?? new Sequence();
    buckets.set(key, bucket);
    return bucket;
  }
}

/** Where to look: everything of a kind, or what one index holds under one key. */
export interface Where<K extends Kind> {
  index: IndexOf<K>;
  key: string;
}

/**
 * All objects, one table a kind, in the order they were created. Rows are never changed in place:
 * a change is another row under the same id, so an event may keep a row as its snapshot.
 */
export class Store {
  private readonly tables = new Map<Kind, Table<{ id: string }>>();
  private nextSequence = 1;

  constructor() {
    this.clear();
  }

  get<K extends Kind>(kind: K, id: string): Kinds[K] | undefined {
    return this.table(kind).get(id);
  }

  /** The row's place in creation order. */
  sequence(kind: Kind, id: string): number | undefined {
    return this.table(kind).sequence(id);
  }

  /** Adds the row, or replaces the one of its id. Returns its place in creation order. */
  put<K extends Kind>(kind: K, row: Kinds[K], sequence?: number): number {
    const table = this.table(kind);
    const place = sequence ?? table.sequence(row.id) ?? this.nextSequence;
    this.nextSequence = Math.max(this.nextSequence, place + 1);
    table.put(row, place);
    return place;
  }

  delete(kind: Kind, id: string): void {
    this.table(kind).delete(id);
  }

  newest<K extends Kind>(kind: K, where?: Where<K>, from?: number): Generator<Kinds[K]> {
    const table = this.table(kind);
    return table.newest(table.within(where?.index, where?.key), from);
  }

  oldest<K extends Kind>(kind: K, where?: Where<K>, from = 0): Generator<Kinds[K]> {
    const table = this.table(kind);
    return table.oldest(table.within(where?.index, where?.key), from);
  }

  count(kind: Kind): number {
    return this.table(kind).size;
  }

  kinds(): Kind[] {
    return [...this.tables.keys()];
  }

  /** Forgets everything. */
  clear(): void {
    for (const [kind, keys] of Object.entries(indexes)) {
      this.tables.set(kind as Kind, new Table(keys as Keys<{ id: string }>));
    }
  }

  private table<K extends Kind>(kind: K): Table<Kinds[K]> {
    return this.tables.get(kind) as unknown as Table<Kinds[K]>;
  }
}

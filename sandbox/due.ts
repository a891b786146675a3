import type { Kind, Kinds } from "./kinds.ts";
import type { Transaction } from "./transaction.ts";

/** Something that happens to an object of a kind when its time has come. */
export interface DueRule<K extends Kind = Kind> {
  name: string;
  kind: K;
  /** When it is due, in seconds of the sandbox's time; null when it is not going to happen. */
  at(row: Kinds[K]): number | null;
  /** Does it. Afterwards `at` must give another moment, or null. */
  run(tx: Transaction, row: Kinds[K]): void;
}

/** Lets a table hold rules of many kinds, each checked against its own. */
export function dueRule<K extends Kind>(rule: DueRule<K>): DueRule {
  return rule as unknown as DueRule;
}

/** One rule that is to be applied to one object. */
export interface Entry {
  at: number;
  order: number;
  rule: DueRule;
  id: string;
  /** How often it has failed. */
  failures: number;
}

/** Why an entry is not done though its time has come. */
interface Failure {
  entry: Entry;
  error: string;
  /** When it is tried again, in real milliseconds; null for never. */
  retryAt: number | null;
}

/** What is due, for people to see. */
export interface Upcoming extends Pick<Entry, "at" | "id" | "failures">, Partial<Omit<Failure, "entry">> {
  name: string;
}

const isBefore = (a: Entry, b: Entry) => a.at < b.at || (a.at === b.at && a.order < b.order);

const keyOf = ({ rule, id }: Pick<Entry, "rule" | "id">) => `${rule.name} ${id}`;

const shown = ({ at, rule, id, failures }: Entry): Upcoming => ({ at, name: rule.name, id, failures });

/** What is due next: a heap by time. Entries are not taken out when plans change, but skipped when met. */
export class DueQueue {
  private readonly rules: DueRule[];
  private readonly heap: Entry[] = [];
  private readonly planned = new Map<string, number>();
  private readonly failed = new Map<string, Failure>();
  private order = 0;

  constructor(rules: DueRule[]) {
    this.rules = rules;
  }

  /** Plans anew for a row that has been written; what has failed for it is due afresh. */
  plan(kind: Kind, row: { id: string }): void {
    for (const rule of this.rules) {
      if (rule.kind !== kind) continue;
      const key = keyOf({ rule, id: row.id });
      const at = rule.at(row as never);
      this.failed.delete(key);
      if (at === null) this.planned.delete(key);
      else if (this.planned.get(key) !== at) {
        this.planned.set(key, at);
        this.push({ at, order: this.order++, rule, id: row.id, failures: 0 });
      }
    }
  }

  /**
   * Takes out the earliest entry due at or before `now`, when nothing is left to be tried again.
   * @param realNow real milliseconds
   */
  next(now: number, realNow: number): Entry | undefined {
    for (const [key, { entry, retryAt }] of this.failed) {
      if (retryAt === null || retryAt >= realNow) continue;
      this.failed.delete(key);
      return entry;
    }
    while (this.heap.length > 0 && this.heap[0]!.at <= now) {
      const entry = this.pop();
      const key = keyOf(entry);
      if (this.planned.get(key) !== entry.at) continue;
      this.planned.delete(key);
      return entry;
    }
    return undefined;
  }

  /** Keeps an entry whose work has failed, until it is time to try again or its row is written. */
  postpone(failure: Failure): void {
    this.failed.set(keyOf(failure.entry), failure);
  }

  /** What has failed and then what comes next, earliest first, without taking anything out. */
  upcoming(count: number): Upcoming[] {
    const failed = [...this.failed.values()].map(({ entry, ...why }) => ({ ...shown(entry), ...why }));
    const waiting = this.heap
      .filter((entry) => this.planned.get(keyOf(entry)) === entry.at)
      .sort((a, b) => a.at - b.at || a.order - b.order)
      .slice(0, count)
      .map(shown);
    return [...failed, ...waiting].slice(0, count);
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap[at]!, heap[parent]!)) break;
      [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
      at = parent;
    }
  }

  private pop(): Entry {
    const { heap } = this;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    heap[0] = last;
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let least = at;
      if (left < heap.length && isBefore(heap[left]!, heap[least]!)) least = left;
      if (right < heap.length && isBefore(heap[right]!, heap[least]!)) least = right;
      if (least === at) return top;
      [heap[at], heap[least]] = [heap[least]!, heap[at]!];
      at = least;
    }
  }
}

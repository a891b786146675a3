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

interface Entry {
  at: number;
  order: number;
  rule: DueRule;
  id: string;
}

const isBefore = (a: Entry, b: Entry) => a.at < b.at || (a.at === b.at && a.order < b.order);

/** What is due next: a heap by time. Entries are not taken out when plans change, but skipped when met. */
export class DueQueue {
  private readonly rules: DueRule[];
  private readonly heap: Entry[] = [];
  private readonly planned = new Map<string, number>();
  private order = 0;

  constructor(rules: DueRule[]) {
    this.rules = rules;
  }

  /** Plans anew for a row that has been written. */
  plan(kind: Kind, row: { id: string }): void {
    for (const rule of this.rules) {
      if (rule.kind !== kind) continue;
      const key = `${rule.name} ${row.id}`;
      const at = rule.at(row as never);
      if (at === null) this.planned.delete(key);
      else if (this.planned.get(key) !== at) {
        this.planned.set(key, at);
        this.push({ at, order: this.order++, rule, id: row.id });
      }
    }
  }

  /** Takes out the earliest entry due at or before `now`. */
  next(now: number): Entry | undefined {
    while (this.heap.length > 0 && this.heap[0]!.at <= now) {
      const entry = this.pop();
      const key = `${entry.rule.name} ${entry.id}`;
      if (this.planned.get(key) !== entry.at) continue;
      this.planned.delete(key);
      return entry;
    }
    return undefined;
  }

  /** The next entries, earliest first, without taking them out. */
  upcoming(count: number): { at: number; name: string; id: string }[] {
    return this.heap
      .filter(({ rule, id, at }) => this.planned.get(`${rule.name} ${id}`) === at)
      .sort((a, b) => a.at - b.at || a.order - b.order)
      .slice(0, count)
      .map(({ at, rule, id }) => ({ at, name: rule.name, id }));
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

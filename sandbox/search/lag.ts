import type { Kind, Kinds } from "../kinds.ts";

interface Change {
  at: number;
  before: object | null;
}

/**
 * Lets search lag behind what is stored, as Stripe's does by up to a minute: it finds objects as they
 * were `seconds` ago. Off (0) unless asked for.
 */
export class SearchLag {
  seconds = 0;
  private readonly changes = new Map<string, Change[]>();

  /** Remembers what an object was, before a change at `now` (the sandbox's own seconds). */
  note(kind: Kind, id: string, before: object | undefined, now: number): void {
    if (this.seconds === 0) return;
    const key = `${kind} ${id}`;
    const recent = (this.changes.get(key) ?? []).filter(({ at }) => at > now - this.seconds);
    this.changes.set(key, [...recent, { at: now, before: before ?? null }]);
  }

  /** The object as search sees it now; null while it sees none yet. */
  seen<K extends Kind>(kind: K, row: Kinds[K], now: number): Kinds[K] | null {
    if (this.seconds === 0) return row;
    const hidden = this.changes.get(`${kind} ${row.id}`)?.find(({ at }) => at > now - this.seconds);
    return hidden ? (hidden.before as Kinds[K] | null) : row;
  }

  set(seconds: number): void {
    this.seconds = seconds;
    if (seconds === 0) this.changes.clear();
  }
}

import type Stripe from "stripe";
import type { BackOff } from "./back-off.ts";
import type { Clock } from "./clock.ts";
import { noSuch } from "./errors.ts";
import { recordEvent } from "./events/record.ts";
import type { IndexOf } from "./indexes.ts";
import type { Kind, Kinds } from "./kinds.ts";
import type { SearchLag } from "./search/lag.ts";
import type { Store, Where } from "./store.ts";

/** What the work of a request may know of the sandbox around it. */
export interface Environment {
  /** Where the sandbox is reached, without a slash at the end. */
  baseUrl: string;
  /** Secrets every endpoint shares; none means each endpoint has its own. */
  webhookSecrets: string[];
  searchLag: SearchLag;
  backOff: BackOff;
}

/** The request that causes the work; due work has neither id nor key. */
export interface Cause {
  id: string | null;
  idempotencyKey: string | null;
}

/** Everything one transaction has changed, for the journal. */
export interface Changes {
  put: [kind: Kind, sequence: number, row: { id: string }][];
  deleted: [kind: Kind, id: string][];
}

declare const IMAGINED: unique symbol;

/**
 * A transaction all of whose work will be taken back: `imagine` alone hands it out, so what asks for
 * one can do no harm.
 */
export type ImaginedTransaction = Transaction & { readonly [IMAGINED]: true };

/**
 * One unit of work on the store. Work is synchronous, so it changes the store at once and nobody
 * sees it half done; `rollBack` takes everything back in reverse order.
 */
export class Transaction {
  private readonly store: Store;
  private readonly clock: Clock;
  readonly environment: Environment;
  readonly cause: Cause;
  private undo: (() => void)[] = [];
  private touched = new Map<string, [Kind, string]>();

  constructor(store: Store, clock: Clock, environment: Environment, cause: Cause) {
    this.store = store;
    this.clock = clock;
    this.environment = environment;
    this.cause = cause;
  }

  /** The sandbox's time in seconds: the moment of the request, or when the work was due. */
  get now(): number {
    return this.clock.now();
  }

  /** The sandbox's own time in seconds, also for work on a test clock. */
  get ownNow(): number {
    return this.clock.ownNow();
  }

  get<K extends Kind>(kind: K, id: string): Kinds[K] | undefined {
    return this.store.get(kind, id);
  }

  /** The object, or Stripe's `resource_missing` naming the parameter that had the id. */
  need<K extends Kind>(kind: K, id: string, param = "id"): Kinds[K] {
    const row = this.store.get(kind, id);
    if (!row) throw noSuch(kind, id, param);
    return row;
  }

  /** Objects newest first, all of them or those an index holds under a key. */
  newest<K extends Kind>(kind: K, where?: Where<K>, from?: number): Generator<Kinds[K]> {
    return this.store.newest(kind, where, from);
  }

  oldest<K extends Kind>(kind: K, where?: Where<K>, from?: number): Generator<Kinds[K]> {
    return this.store.oldest(kind, where, from);
  }

  /** The newest object that an index holds under a key. */
  find<K extends Kind>(kind: K, index: IndexOf<K>, key: string): Kinds[K] | undefined {
    return this.store.newest(kind, { index, key }).next().value as Kinds[K] | undefined;
  }

  sequence(kind: Kind, id: string): number | undefined {
    return this.store.sequence(kind, id);
  }

  insert<K extends Kind>(kind: K, row: Kinds[K]): Kinds[K] {
    this.write(kind, row);
    return row;
  }

  /** Changes some fields. With an event type, the change is told with its `previous_attributes`. */
  update<K extends Kind>(
    kind: K,
    id: string,
    patch: Partial<Kinds[K]>,
    event?: Stripe.Event["type"],
  ): Kinds[K] {
    const before = this.need(kind, id);
    const after = { ...before, ...patch };
    this.write(kind, after);
    if (event) recordEvent(this, event, after, before);
    return after;
  }

  remove(kind: Kind, id: string): void {
    const row = this.store.get(kind, id);
    const sequence = this.store.sequence(kind, id);
    if (!row || sequence === undefined) return;
    this.store.delete(kind, id);
    this.undo.push(() => this.store.put(kind, row as never, sequence));
    this.touched.set(`${kind} ${id}`, [kind, id]);
  }

  /** Tells the world, in the order of the calls, as part of this transaction. */
  emit(type: Stripe.Event["type"], object: { id: string }): void {
    recordEvent(this, type, object);
  }

  changes(): Changes {
    const changes: Changes = { put: [], deleted: [] };
    for (const [kind, id] of this.touched.values()) {
      const row = this.store.get(kind, id);
      if (row) changes.put.push([kind, this.store.sequence(kind, id)!, row]);
      else changes.deleted.push([kind, id]);
    }
    return changes;
  }

  rollBack(): void {
    for (const step of this.undo.reverse()) step();
    this.undo = [];
    this.touched.clear();
  }

  /**
   * What would come of `work`, at another moment if one is given (in seconds): its result, with
   * everything that it did taken back. Previews are made of the very code that makes what they show.
   */
  imagine<T>(work: (tx: ImaginedTransaction) => T, at: number | null = null): T {
    const imagined = this as Transaction as ImaginedTransaction;
    const { undo, touched } = this;
    this.undo = [];
    this.touched = new Map();
    try {
      return at === null ? work(imagined) : this.clock.standingAt(at * 1000, () => work(imagined));
    } finally {
      this.rollBack();
      this.undo = undo;
      this.touched = touched;
    }
  }

  private write<K extends Kind>(kind: K, row: Kinds[K]): void {
    const before = this.store.get(kind, row.id);
    this.store.put(kind, row);
    this.environment.searchLag.note(kind, row.id, before, this.ownNow);
    this.undo.push(() => (before ? this.store.put(kind, before) : this.store.delete(kind, row.id)));
    this.touched.set(`${kind} ${row.id}`, [kind, row.id]);
  }
}

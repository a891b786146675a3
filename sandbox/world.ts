import { Clock } from "./clock.ts";
import { DueQueue, type DueRule } from "./due.ts";
import { ApiError } from "./errors.ts";
import { Deliverer } from "./events/deliverer.ts";
import { Faults } from "./faults.ts";
import type { Journal } from "./journal.ts";
import type { Kinds } from "./kinds.ts";
import { RequestLog } from "./request-log.ts";
import { Store } from "./store.ts";
import { type Cause, type Environment, Transaction } from "./transaction.ts";

const NOBODY: Cause = { id: null, idempotencyKey: null };

/** One sandbox: its objects, its time, what is due, and what is on its way out. */
export class World {
  readonly store = new Store();
  readonly clock = new Clock();
  readonly faults = new Faults();
  readonly requests = new RequestLog();
  readonly deliverer = new Deliverer(this);
  readonly environment: Environment;
  readonly log: (line: string) => void;
  private readonly journal: Journal;
  private readonly due: DueQueue;

  constructor(environment: Environment, journal: Journal, rules: DueRule[], log: (line: string) => void) {
    this.environment = environment;
    this.journal = journal;
    this.due = new DueQueue(rules);
    this.log = log;
  }

  /** Reads the journal and goes on where it stops. */
  async open(): Promise<void> {
    this.clock.offsetMs = await this.journal.open(this.store);
    this.due.planAll(this.store);
  }

  /**
   * Runs `work` whole or not at all: when it throws nothing of it stays, except for errors that
   * say otherwise (a declined charge). Journal, due work and deliveries follow a commit.
   */
  transact<T>(cause: Cause, work: (tx: Transaction) => T): T {
    const tx = new Transaction(this.store, this.clock, this.environment, cause);
    try {
      const result = work(tx);
      this.commit(tx);
      return result;
    } catch (error) {
      if (error instanceof ApiError && error.keepsEffects) this.commit(tx);
      else tx.rollBack();
      throw error;
    }
  }

  /** Does what has become due by now, each piece at the moment it was due. */
  runDue(): void {
    const now = this.clock.now();
    for (let entry = this.due.next(now); entry; entry = this.due.next(now)) {
      const { at, rule, id } = entry;
      const row = this.store.get(rule.kind, id);
      if (!row || rule.at(row as never) !== at) continue;
      try {
        this.clock.standingAt(at * 1000, () => this.transact(NOBODY, (tx) => rule.run(tx, row as never)));
      } catch (error) {
        this.log(
          `due work "${rule.name}" of ${id} failed: ${error instanceof Error ? error.message : error}`,
        );
      }
    }
  }

  /** Moves the sandbox's time forward and does what becomes due on the way, in order. */
  advance(milliseconds: number): void {
    const offsetMs = this.clock.offsetMs + milliseconds;
    this.journal.append({ put: [], deleted: [] }, offsetMs);
    this.clock.offsetMs = offsetMs;
    this.runDue();
  }

  /** Forgets everything: objects, events, endpoints, faults, requests, and the time offset. */
  reset(): void {
    this.store.clear();
    this.due.clear();
    this.journal.clear();
    this.requests.clear();
    this.faults.reset();
    this.clock.offsetMs = 0;
  }

  close(): void {
    this.deliverer.close();
    this.faults.reset();
    this.journal.close();
  }

  private commit(tx: Transaction): void {
    const changes = tx.changes();
    if (changes.put.length === 0 && changes.deleted.length === 0) return;
    this.journal.append(changes, this.clock.offsetMs);
    for (const [kind, , row] of changes.put) {
      this.due.plan(kind, row);
      const delivery = kind === "delivery" ? (row as Kinds["delivery"]) : undefined;
      if (delivery && delivery.attempts.length === 0) this.deliverer.schedule(delivery);
    }
  }
}

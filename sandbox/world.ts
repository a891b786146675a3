import { Clock, DAY_SECONDS } from "./clock.ts";
import { DueQueue, type DueRule, type Entry, type Upcoming } from "./due.ts";
import { ApiError, invalidRequest, ownFault } from "./errors.ts";
import { Deliverer } from "./events/deliverer.ts";
import { Faults } from "./faults.ts";
import { newId } from "./ids.ts";
import type { Journal } from "./journal.ts";
import type { Kind, Kinds } from "./kinds.ts";
import { momentOf, testClockOf } from "./moment.ts";
import { RequestLog } from "./request-log.ts";
import { Store } from "./store.ts";
import { type Cause, type Environment, Transaction } from "./transaction.ts";

const FARTHEST_MS = 100 * 365.25 * DAY_SECONDS * 1000;

const NOBODY: Cause = { id: null, idempotencyKey: null };

/** One sandbox: its objects, its time, what is due, and what is on its way out. */
export class World {
  readonly store = new Store();
  readonly clock = new Clock();
  readonly faults: Faults;
  readonly requests = new RequestLog();
  readonly deliverer = new Deliverer(this);
  readonly environment: Environment;
  readonly log: (line: string) => void;
  private readonly journal: Journal;
  private readonly rules: DueRule[];
  private readonly ruled: Set<Kind>;
  /** What is due, for each test clock; what lives in the sandbox's own time is under "". */
  private readonly due = new Map<string, DueQueue>();

  constructor(environment: Environment, journal: Journal, rules: DueRule[], log: (line: string) => void) {
    this.environment = environment;
    this.faults = new Faults(environment.searchLag);
    this.journal = journal;
    this.rules = rules;
    this.ruled = new Set(rules.map((rule) => rule.kind));
    this.log = log;
  }

  /** Reads the journal, which nobody else may use from now on; `close` gives it free. */
  async read(): Promise<void> {
    this.clock.offsetMs = await this.journal.read(this.store);
  }

  /** Goes on where the journal stops. */
  open(): void {
    this.journal.open(this.store, this.clock.offsetMs);
    for (const kind of this.ruled) for (const row of this.store.oldest(kind)) this.plan(kind, row);
    for (const clock of this.store.oldest("test_helpers.test_clock")) this.arrive(clock.id);
    this.runDue();
    this.deliverer.resume();
  }

  /**
   * Runs `work` whole or not at all: when it throws nothing of it stays, except for errors that
   * say otherwise (a declined charge). Journal, due work and deliveries follow a commit.
   * @param at the moment it happens, in seconds, for work on a test clock; null for now
   */
  transact<T>(cause: Cause, work: (tx: Transaction) => T, at: number | null = null): T {
    if (at !== null) return this.clock.standingAt(at * 1000, () => this.transact(cause, work));
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

  /** What a page or one of the sandbox's own paths does to the object `id`, in that object's time. */
  act<T>(id: string, work: (tx: Transaction) => T): T {
    const cause = { id: newId("req"), idempotencyKey: null };
    return this.transact(cause, work, momentOf(this.store, { id }, {}));
  }

  /** Does what has become due by now in the sandbox's own time. */
  runDue(): void {
    this.runQueue("", this.clock.now());
  }

  /** What has failed and what is due next, on a test clock or ("") in the sandbox's own time. */
  upcoming(clock: string, count: number): Upcoming[] {
    return this.due.get(clock)?.upcoming(count) ?? [];
  }

  /**
   * Moves the sandbox's time forward and does what becomes due on the way, in order. Refuses to go
   * farther than a century from the real time.
   */
  advance(milliseconds: number): void {
    const offsetMs = this.clock.offsetMs + milliseconds;
    if (offsetMs > FARTHEST_MS) {
      throw invalidRequest("The sandbox's time can be at most a hundred years ahead of the real time.");
    }
    this.journal.append({ put: [], deleted: [] }, offsetMs);
    this.clock.offsetMs = offsetMs;
    this.runDue();
  }

  /** Takes a test clock that is advancing to where it was sent, doing what becomes due on the way. */
  arrive(id: string): void {
    const clock = this.store.get("test_helpers.test_clock", id);
    const target = clock?.status_details.advancing?.target_frozen_time;
    if (clock?.status !== "advancing" || target === undefined) return;
    const status = this.runQueue(id, target) ? "ready" : "internal_failure";
    const arrival = (tx: Transaction) => {
      const arrived = tx.update("test_helpers.test_clock", id, {
        status,
        status_details: {},
        frozen_time: target,
      });
      tx.emit(`test_helpers.test_clock.${status}`, arrived);
    };
    this.transact(NOBODY, arrival, target);
  }

  /** Forgets everything: objects, events, endpoints, faults, requests, and the time offset. */
  reset(): void {
    this.journal.clear();
    this.store.clear();
    this.due.clear();
    this.requests.clear();
    this.faults.reset();
    this.clock.offsetMs = 0;
  }

  close(): void {
    this.deliverer.close();
    this.faults.reset();
    this.journal.close();
  }

  /** Each piece of due work at the moment it was due. False when one of them failed, which the log tells. */
  private runQueue(clock: string, until: number): boolean {
    const queue = this.due.get(clock);
    const started = Date.now();
    let isFlawless = true;
    for (let entry = queue?.next(until, started); entry; entry = queue?.next(until, started)) {
      const { at, rule, id } = entry;
      const row = this.store.get(rule.kind, id);
      if (!row || rule.at(row as never) !== at) continue;
      try {
        this.transact(NOBODY, (tx) => rule.run(tx, row as never), at);
      } catch (error) {
        isFlawless = false;
        this.postpone(clock, { ...entry, failures: entry.failures + 1 }, error);
      }
    }
    return isFlawless;
  }

  /** What has failed in the sandbox's own time is tried again; a test clock has failed for good with it. */
  private postpone(clock: string, entry: Entry, error: unknown): void {
    const { rule, id, failures } = entry;
    const wait = clock === "" ? this.environment.backOff.after(failures) : null;
    ownFault(this.log, `at due work, "${rule.name}" of ${id}${clock && ` on ${clock}`}`, error);
    this.due.get(clock)?.postpone({
      entry,
      error: error instanceof Error ? error.message : String(error),
      retryAt: wait === null ? null : Date.now() + wait,
    });
  }

  private plan(kind: Kind, row: { id: string }): void {
    if (!this.ruled.has(kind)) return;
    const clock = testClockOf(this.store, row) ?? "";
    if (clock !== "" && !this.store.get("test_helpers.test_clock", clock)) return;
    const queue = this.due.get(clock) ?? new DueQueue(this.rules);
    this.due.set(clock, queue);
    queue.plan(kind, row);
  }

  private commit(tx: Transaction): void {
    const changes = tx.changes();
    if (changes.put.length === 0 && changes.deleted.length === 0) return;
    try {
      this.journal.append(changes, this.clock.offsetMs);
    } catch (error) {
      tx.rollBack();
      throw error;
    }
    this.tidy();
    for (const [kind, id] of changes.deleted) if (kind === "test_helpers.test_clock") this.due.delete(id);
    for (const [kind, , row] of changes.put) {
      this.plan(kind, row);
      if (kind === "delivery") this.deliver(row as Kinds["delivery"]);
      if (kind === "test_helpers.test_clock") setImmediate(() => this.arrive(row.id));
    }
  }

  /** The journal without its history, when it has grown much; where that fails it is as good as before. */
  private tidy(): void {
    try {
      this.journal.tidy(this.store, this.clock.offsetMs);
    } catch (error) {
      ownFault(this.log, "rewriting its journal", error);
    }
  }

  private deliver(delivery: Kinds["delivery"]): void {
    if (delivery.attempts.length === 0) this.deliverer.schedule(delivery);
  }
}

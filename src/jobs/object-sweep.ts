import type { EntityManager } from "@mikro-orm/postgresql";
import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import { isOutage } from "../outage.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import type { Sync } from "../sync/sync.ts";
import { type Cursors, type Lease, LeaseLost } from "./cursors.ts";
import { knownIds, ownIds, STEPS, type Step } from "./object-sweep-steps.ts";

export const OBJECTS_CURSOR = "objects";
/** Syncs at once; the budget of calls to Stripe leaves room for those who wait. */
const ABREAST = 4;
const SLICE_MS = 45_000;
const RETRY_SECONDS = 30;
/** Before the workers take up what an operator has asked for: the command that asked does it itself. */
const COMMAND_FIRST_SECONDS = 30;
const KEPT_FAILURES = 100;

/** How far a sweep has come, and what came of it. */
export interface SweepState {
  since: string;
  step: number;
  /** Objects that Stripe lists first, then rows of ours that may have changed meanwhile. */
  phase: "listed" | "known";
  after: string | null;
  counts: Record<string, SweepCount>;
  /** Objects whose sync failed for a reason of its own, as `<aggregate>:<id>`. */
  failures: string[];
  finishedAt: string | null;
}
export interface SweepCount {
  looked: number;
  synced: number;
  failed: number;
}

/**
 * Looks at the objects themselves when events do not tell (any more): everything of ours that was created since a
 * moment, and every row that may have changed since, is synced. Goes on from where it stopped, one replica at a time.
 */
export class ObjectSweep {
  constructor(
    private readonly em: EntityManager,
    private readonly stripe: StripeGateway,
    private readonly sync: Sync,
    private readonly cursors: Cursors,
    private readonly parts: { clock: Clock; logger: Logger },
  ) {}

  /** Asks for a sweep since a moment; one that is under way and reaches as far back goes on. */
  async request(since: Date): Promise<SweepState> {
    const known = await this.cursors.stateOf<SweepState>(OBJECTS_CURSOR);
    if (known && !known.finishedAt && new Date(known.since) <= since) return known;
    const state: SweepState = {
      ...{ since: since.toISOString(), step: 0, phase: "listed", after: null },
      ...{ counts: {}, failures: [], finishedAt: null },
    };
    await this.cursors.restart(OBJECTS_CURSOR, state, COMMAND_FIRST_SECONDS);
    return state;
  }

  /** Does a part of it, when it is due and nobody else does. */
  async run(): Promise<void> {
    const lease = await this.cursors.lease<SweepState>(OBJECTS_CURSOR);
    if (lease) await this.work(lease, this.cursors.slice(SLICE_MS));
  }

  /** Does all of it now. Null when another process does it. @throws ProviderUnavailable; a later call goes on */
  async finish(onPage: (state: SweepState) => void = () => {}): Promise<SweepState | null> {
    const lease = await this.cursors.lease<SweepState>(OBJECTS_CURSOR, true);
    return lease && this.work(lease, () => false, onPage);
  }

  private async work(
    lease: Lease<SweepState>,
    isOver: () => boolean,
    onPage: (state: SweepState) => void = () => {},
  ): Promise<SweepState> {
    let state = lease.state;
    try {
      while (!state.finishedAt && !isOver()) {
        state = await this.page(state);
        await lease.save(state);
        onPage(state);
      }
    } catch (error) {
      if (!(error instanceof LeaseLost)) await lease.release(state, RETRY_SECONDS);
      throw error;
    }
    await lease.release(state, state.finishedAt ? null : 0);
    return state;
  }

  /** One page of objects, and where the next one begins. */
  private async page(state: SweepState): Promise<SweepState> {
    const step = STEPS[state.step];
    if (!step) return { ...state, finishedAt: this.parts.clock.now().toISOString() };
    const { ids, looked, next } =
      state.phase === "listed" ? await this.listed(step, state) : await this.known(step, state);
    const failures = await this.syncAll(step, ids);
    const count = state.counts[step.name] ?? { looked: 0, synced: 0, failed: 0 };
    const counts = {
      ...state.counts,
      [step.name]: {
        looked: count.looked + looked,
        synced: count.synced + ids.length - failures.length,
        failed: count.failed + failures.length,
      },
    };
    const place =
      next !== null
        ? { after: next }
        : state.phase === "listed"
          ? { phase: "known" as const, after: null }
          : { step: state.step + 1, phase: "listed" as const, after: null };
    return { ...state, counts, failures: [...state.failures, ...failures].slice(0, KEPT_FAILURES), ...place };
  }

  private async listed(step: Step, { since, after }: SweepState) {
    if (step.kind === null) return { ids: [], looked: 0, next: null };
    const gte = Math.floor(new Date(since).getTime() / 1000);
    const { objects, hasMore } = await this.stripe.page(step.kind, { created: { gte }, after });
    const next = hasMore ? (objects.at(-1)?.id ?? null) : null;
    return { ids: await ownIds(this.em.fork(), step, objects), looked: objects.length, next };
  }

  private async known(step: Step, { after }: SweepState) {
    const { ids, hasMore } = await knownIds(this.em.fork(), step, after);
    return { ids, looked: ids.length, next: hasMore ? (ids.at(-1) ?? null) : null };
  }

  /** Those that could not be synced. @throws what ends when it ends, not by trying the next one: an outage */
  private async syncAll(step: Step, ids: string[]): Promise<string[]> {
    const failures: string[] = [];
    const left = [...ids];
    const worker = async () => {
      for (let id = left.shift(); id !== undefined; id = left.shift()) {
        try {
          await this.sync.run(step.aggregate, id);
        } catch (error) {
          if (isOutage(error)) throw error;
          this.parts.logger.warn(
            { err: error, aggregate: step.aggregate, id },
            "an object could not be synced",
          );
          failures.push(`${step.aggregate}:${id}`);
        }
      }
    };
    await Promise.all(Array.from({ length: ABREAST }, worker));
    return failures;
  }
}

import { LRUCache } from "lru-cache";
import type { TimedDecision } from "./access-question.ts";

/** How long a process answers by itself: the longest that a revocation can go unnoticed. */
const NEAR_MS = 1_000;
const NEAR_USERS = 10_000;
/** Of a user; whoever is asked about more begins anew. */
const MOST_DECISIONS = 500;

/** What names a state of a user's hash in Redis: as long as both stand, nothing that was decided under them has changed. */
export interface Standing {
  readonly lease: string;
  readonly generation: string;
}

/** What a process remembers of a user. */
interface Near {
  /** Until then, on the process's monotonic clock, grants are answered without asking Redis whether they stand. */
  until: number;
  /** Null when nobody can tell. */
  readonly standing: Standing | null;
  readonly decisions: Map<string, TimedDecision>;
}

/** What is told of a user: decisions by field, when it was begun to ask for them, and under what they stand. */
interface Told {
  began: number;
  standing: Standing | null;
  decisions: Iterable<readonly [field: string, decision: TimedDecision]>;
}

/**
 * Decisions that this process remembers. Grants among them it may give by itself for a second; all of them for as long
 * as Redis says that the user's hash is still the one under which they were decided.
 */
export class NearDecisions {
  private readonly users = new LRUCache<string, Near>({ max: NEAR_USERS });

  /** The grants of a user that may be given without asking. */
  grantsOf(userId: string): ReadonlyMap<string, TimedDecision> | undefined {
    const near = this.users.get(userId);
    return near && near.until > performance.now() ? near.decisions : undefined;
  }

  /** Under what this process knows decisions of a user, and which. */
  of(userId: string): { standing: Standing; decisions: ReadonlyMap<string, TimedDecision> } | undefined {
    const { standing, decisions } = this.users.peek(userId) ?? {};
    return standing && decisions ? { standing, decisions } : undefined;
  }

  /** Remembers decisions beside others that stand under the same, else in their place. */
  keep(userId: string, { began, standing, decisions }: Told): void {
    const until = began + NEAR_MS;
    let near = this.users.get(userId);
    const isOver = !standing && near && near.until <= performance.now();
    if (near && isSame(near.standing, standing) && !isOver && near.decisions.size < MOST_DECISIONS) {
      // one that took long to be answered lives no longer for having come to others that were asked later
      near.until = Math.min(near.until, until);
    } else {
      near = { until, standing, decisions: new Map() };
      this.users.set(userId, near);
    }
    for (const [field, decision] of decisions) near.decisions.set(field, decision);
  }

  /** Redis has said that what is remembered of a user under this stands, to whoever began to ask then. */
  stands(userId: string, standing: Standing, began: number): void {
    const near = this.users.peek(userId);
    if (near && isSame(near.standing, standing)) near.until = Math.max(near.until, began + NEAR_MS);
  }

  forget(userId: string): void {
    this.users.delete(userId);
  }

  forgetAll(): void {
    this.users.clear();
  }
}

/** Whether nothing has changed between two states. */
export const isSame = (one: Standing | null, other: Standing | null): boolean =>
  one?.lease === other?.lease && one?.generation === other?.generation;

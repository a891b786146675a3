import { LRUCache } from "lru-cache";
import { ENTRY_MS } from "../events/decision-store.ts";
import type { TimedDecision } from "./access-question.ts";

/** How long a process answers by itself: the longest that a revocation can go unnoticed. */
const NEAR_MS = 1_000;
/** Of all users. */
const MOST = { users: 10_000, decisions: 200_000 };
/** Of a user, as many as one request may refer to; whoever is asked about more begins anew. */
const MOST_OF_A_USER = 1_000;

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
  /** Nobody's else from then on. */
  decisions: Map<string, TimedDecision>;
}

/**
 * Decisions that this process remembers, for a minute and within bounds. Grants among them it may give by itself for a second; all of them for as long
 * as Redis says that the user's hash is still the one under which they were decided.
 */
export class NearDecisions {
  private readonly users = new LRUCache<string, Near>({
    ...{ max: MOST.users, maxSize: MOST.decisions, sizeCalculation: ({ decisions }) => decisions.size || 1 },
    // what stands in Redis lives no longer, however often more is remembered
    ...{ ttl: ENTRY_MS, ttlResolution: 0, noUpdateTTL: true },
  });

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
    const near = this.users.get(userId);
    const isOver = !standing && near && near.until <= performance.now();
    const hasRoom = near && near.decisions.size + decisions.size <= MOST_OF_A_USER;
    if (near && isSame(near.standing, standing) && !isOver && hasRoom) {
      for (const [field, decision] of decisions) near.decisions.set(field, decision);
      // one that took long to be answered lives no longer for having come to others that were asked later
      this.users.set(userId, { ...near, until: Math.min(near.until, until) });
    } else {
      this.users.delete(userId);
      this.users.set(userId, { until, standing, decisions: firstOf(decisions) });
    }
  }

  /** Redis has said that what is remembered of a user under this stands, to whoever began to ask then. */
  stands(userId: string, standing: Standing, began: number): void {
    const near = this.users.peek(userId);
    if (near && isSame(near.standing, standing)) near.until = Math.max(near.until, began + NEAR_MS);
  }

  /** Forgets what is remembered of a user, unless it is under another state by now. */
  forgetUnder(userId: string, standing: Standing): void {
    if (isSame(this.users.peek(userId)?.standing ?? null, standing)) this.users.delete(userId);
  }

  forget(userId: string): void {
    this.users.delete(userId);
  }

  forgetAll(): void {
    this.users.clear();
  }
}

const firstOf = (decisions: Map<string, TimedDecision>) =>
  decisions.size > MOST_OF_A_USER ? new Map([...decisions].slice(0, MOST_OF_A_USER)) : decisions;

/** Whether nothing has changed between two states. */
export const isSame = (one: Standing | null, other: Standing | null): boolean =>
  one?.lease === other?.lease && one?.generation === other?.generation;

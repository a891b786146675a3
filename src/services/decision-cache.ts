import { randomUUID } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Clock } from "../clock.ts";
import { type DecisionStore, FENCE_MS } from "../events/decision-store.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import type { AccessQuestion, Decision, TimedDecision } from "./access-question.ts";

/** How long a process answers by itself: the longest that a revocation can go unnoticed. */
const NEAR_MS = 1_000;
const NEAR_USERS = 10_000;

/** Asks PostgreSQL's primary. */
export type Decide = (questions: readonly AccessQuestion[]) => Promise<TimedDecision[]>;

/** What a process remembers of a user, until a moment of its own monotonic clock. */
interface Near {
  until: number;
  decisions: Map<string, TimedDecision>;
}

/** What Redis has of what was asked, and what is needed to add more; null for whoever may add nothing. */
interface Kept {
  generation: string | null;
  leases: Map<string, string | null>;
  decisions: Map<AccessQuestion, TimedDecision>;
}

/**
 * Decisions, kept for a second in this process and for a minute in Redis, and never beyond the moment at which time
 * makes them others. Rules that keep them right:
 *
 * - a change raises the user's fence before it commits: from then on all ask the primary, and nothing that was read
 *   before is kept in Redis any more ({@link DecisionStore})
 * - what this process keeps counts from before it asked, so it ends a second after the change, with Redis or without
 * - a refusal is not kept in this process: who has just paid is let in by all replicas at once
 * - without Redis the primary answers
 */
export class DecisionCache {
  private readonly near = new LRUCache<string, Near>({ max: NEAR_USERS });

  constructor(
    private readonly store: DecisionStore,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {}

  /** In the order of the questions. @throws what `decide` throws: without an answer there is no grant */
  async answer(questions: readonly AccessQuestion[], decide: Decide): Promise<Decision[]> {
    const began = performance.now();
    const answers = new Map<AccessQuestion, TimedDecision>();
    for (const question of questions) {
      const decision = this.nearby(question);
      if (decision) answers.set(question, decision);
    }
    this.metrics.decisions.inc({ from: "process" }, answers.size);
    if (answers.size < questions.length) {
      const far = questions.filter((question) => !answers.has(question));
      const kept = await this.look(far);
      for (const [question, decision] of kept?.decisions ?? []) answers.set(question, decision);
      this.metrics.decisions.inc({ from: "redis" }, kept?.decisions.size ?? 0);
      const open = far.filter((question) => !answers.has(question));
      if (open.length > 0) {
        const decided = await decide(open);
        open.forEach((question, at) => void answers.set(question, decided[at] as TimedDecision));
        this.metrics.decisions.inc({ from: "database" }, open.length);
        if (kept) this.keep(kept, open, answers);
      }
      this.keepNear(far, answers, began + NEAR_MS);
    }
    return questions.map((question) => answers.get(question) as TimedDecision);
  }

  /**
   * Raises the fences of users whose grants a transaction is about to change. Returns what takes them down: to be
   * called when the transaction has ended, either way. Without Redis nothing is raised, and what is kept there
   * lives out its minute, or until the outbox tells of the change.
   */
  fence(userIds: readonly string[]): Promise<() => void> {
    return this.raised(
      async (fence) => void (await Promise.all(userIds.map((userId) => this.store.raise(userId, fence)))),
      async (fence) => {
        for (const userId of userIds) this.near.delete(userId);
        await Promise.all(userIds.map((userId) => this.store.lower(userId, fence)));
      },
    );
  }

  /** The same before what holds for all users changes: which courses are standard, or in a path. */
  fenceAll(): Promise<() => void> {
    return this.raised(
      (fence) => this.store.raiseForAll(fence),
      (fence) => {
        this.near.clear();
        return this.store.lowerForAll(fence);
      },
    );
  }

  private async raised(
    raise: (fence: string) => Promise<void>,
    lower: (fence: string) => Promise<void>,
  ): Promise<() => void> {
    const fence = randomUUID();
    for (let began = performance.now(); ; began = performance.now()) {
      try {
        await raise(fence);
      } catch (error) {
        this.metrics.fencesFailed.inc();
        this.logger.warn({ err: error }, "a change of access could not tell the cache before it was made");
      }
      // a process that was stopped meanwhile must not commit behind a fence that has fallen by itself
      if (performance.now() - began < FENCE_MS / 2) break;
    }
    return () => void lower(fence).catch((error) => this.logger.debug({ err: error }, "a fence stays up"));
  }

  private nearby(question: AccessQuestion): TimedDecision | undefined {
    const near = this.near.get(question.userId);
    if (!near || near.until <= performance.now()) return undefined;
    return this.stillHolds(near.decisions.get(fieldOf(question)));
  }

  private stillHolds(decision: TimedDecision | undefined): TimedDecision | undefined {
    return decision && (!decision.changesAt || this.clock.now() < decision.changesAt) ? decision : undefined;
  }

  /** What Redis knows of these; null when it is away. */
  private async look(questions: readonly AccessQuestion[]): Promise<Kept | null> {
    const leases = new Map<string, string | null>();
    const texts = new Map<AccessQuestion, string>();
    const lookAt = async ([userId, asked]: [string, AccessQuestion[]]) => {
      const { lease, found } = await this.store.read(userId, asked.map(fieldOf));
      leases.set(userId, lease);
      asked.forEach((question, at) => {
        const text = found[at];
        if (text) texts.set(question, text);
      });
    };
    try {
      const byUser = Map.groupBy(questions, ({ userId }) => userId);
      const [generation] = await Promise.all([this.store.generation(), ...[...byUser].map(lookAt)]);
      const decisions = new Map<AccessQuestion, TimedDecision>();
      for (const [question, text] of texts) {
        const decision = this.stillHolds(decisionIn(text, generation));
        if (decision) decisions.set(question, decision);
      }
      return { generation, leases, decisions };
    } catch {
      return null;
    }
  }

  /** Adds to Redis what was decided; whoever asked does not wait for it. */
  private keep({ generation, leases }: Kept, decided: AccessQuestion[], answers: Answers): void {
    if (generation === null) return;
    for (const [userId, questions] of Map.groupBy(decided, ({ userId }) => userId)) {
      const lease = leases.get(userId);
      if (!lease) continue;
      const entries = questions.map((question): [string, string] => [
        fieldOf(question),
        textOf(answers.get(question) as TimedDecision, generation),
      ]);
      this.store.add(userId, lease, entries).catch(() => {}); // the next one who asks asks the primary as well
    }
  }

  private keepNear(questions: AccessQuestion[], answers: Answers, until: number): void {
    for (const question of questions) {
      const decision = answers.get(question) as TimedDecision;
      if (!decision.granted) continue;
      let near = this.near.get(question.userId);
      if (!near || near.until <= performance.now()) {
        near = { until, decisions: new Map() };
        this.near.set(question.userId, near);
      }
      // one that took long to be answered lives no longer for having come to others that were asked later
      near.until = Math.min(near.until, until);
      near.decisions.set(fieldOf(question), decision);
    }
  }
}

type Answers = ReadonlyMap<AccessQuestion, TimedDecision>;

const fieldOf = ({ resourceType, resourceId }: AccessQuestion) => `${resourceType}:${resourceId}`;

/** A decision as it is kept: under which generation, and what it says. */
type Entry = [
  generation: string,
  source: Decision["source"],
  expiresAt: number | null,
  changesAt: number | null,
];

function textOf({ source, expiresAt, changesAt }: TimedDecision, generation: string): string {
  const entry: Entry = [generation, source, expiresAt?.getTime() ?? null, changesAt?.getTime() ?? null];
  return JSON.stringify(entry);
}

function decisionIn(text: string, generation: string | null): TimedDecision | undefined {
  const [under, source, expiresAt, changesAt] = JSON.parse(text) as Entry;
  if (under !== generation) return undefined;
  return { granted: source !== null, source, expiresAt: momentAt(expiresAt), changesAt: momentAt(changesAt) };
}

const momentAt = (milliseconds: number | null) => (milliseconds === null ? null : new Date(milliseconds));

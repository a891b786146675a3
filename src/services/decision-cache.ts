import { randomUUID } from "node:crypto";
import type { Clock } from "../clock.ts";
import {
  type Addition,
  type DecisionStore,
  FENCE_MS,
  type Look,
  type Shelves,
} from "../events/decision-store.ts";
import { Gathering } from "../gathering.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import type { AccessQuestion, Decision, TimedDecision } from "./access-question.ts";
import { decisionsIn, fieldOf, stillHolding, textsOf } from "./decision-texts.ts";
import { isSame, NearDecisions, type Standing } from "./near-decisions.ts";

/** Asks PostgreSQL's primary. */
export type Decide = (questions: readonly AccessQuestion[]) => Promise<TimedDecision[]>;

/** Questions to Redis that go together: all of one turn, and all that come while two rounds are under way. */
const TOGETHER = { most: 100, underWay: 2 };

/** Questions under way, and what is known of them by now. */
interface Asking {
  began: number;
  now: Date;
  questions: readonly AccessQuestion[];
  fields: readonly string[];
  answers: (TimedDecision | undefined)[];
}

/** What of it is about one user and has to be asked for. */
interface Asked {
  userId: string;
  places: number[];
  /** What this process remembers of the user, which may still stand. */
  near: ReturnType<NearDecisions["of"]>;
  /** Under what Redis has decisions of theirs now; null when nothing may be kept. */
  standing: Standing | null;
}

/**
 * Decisions, kept for a second in this process and for a minute in Redis, and never beyond the moment at which time
 * makes them others. Rules that keep them right:
 *
 * - a change raises the user's fence before it commits: from then on all ask the primary, and nothing that was read
 *   before is kept in Redis any more ({@link DecisionStore})
 * - what this process keeps counts from before it asked, so it ends a second after the change, with Redis or without;
 *   longer only what Redis says to still stand
 * - a refusal is never given without asking Redis: who has just paid is let in by all replicas at once
 * - without Redis the primary answers
 */
export class DecisionCache {
  private readonly near = new NearDecisions();
  private readonly looks: Gathering<Look[], Shelves | null>;
  private readonly additions: Gathering<Addition, void>;

  constructor(
    private readonly store: DecisionStore,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
    private readonly logger: Logger,
  ) {
    this.looks = new Gathering((rounds) => this.look(rounds), TOGETHER);
    // where it fails, the next one who asks asks the primary as well
    this.additions = new Gathering(
      (all) =>
        store.add(all).then(
          () => [],
          () => [],
        ),
      TOGETHER,
    );
  }

  /** In the order of the questions. @throws what `decide` throws: without an answer there is no grant */
  async answer(questions: readonly AccessQuestion[], decide: Decide): Promise<Decision[]> {
    const asking: Asking = {
      ...{ began: performance.now(), now: this.clock.now(), questions, fields: questions.map(fieldOf) },
      answers: new Array(questions.length),
    };
    const { answers } = asking;
    const far = this.nearby(asking);
    const open = far.length > 0 ? await this.lookAt(asking, far) : [];
    const asked = far.reduce((sum, { places }) => sum + places.length, 0);
    this.count({ process: questions.length - asked, redis: asked - open.length, database: open.length });
    if (open.length > 0) {
      const decided = await decide(open.map((at) => questions[at] as AccessQuestion));
      for (const [nth, at] of open.entries()) answers[at] = decided[nth];
    }
    const isOpen = new Set(open);
    for (const one of far) this.keep(asking, one, isOpen);
    return answers as TimedDecision[];
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
        for (const userId of userIds) this.near.forget(userId);
        await Promise.all(userIds.map((userId) => this.store.lower(userId, fence)));
      },
    );
  }

  /** The same before what holds for all users changes: which courses are standard, or in a path. */
  fenceAll(): Promise<() => void> {
    return this.raised(
      (fence) => this.store.raiseForAll(fence),
      (fence) => {
        this.near.forgetAll();
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

  private count(answers: Record<"process" | "redis" | "database", number>): void {
    for (const [from, count] of Object.entries(answers))
      if (count > 0) this.metrics.decisions.inc({ from }, count);
  }

  /** Gives what this process may give by itself. Returns, by user, what is left. */
  private nearby({ questions, fields, answers, now }: Asking): Asked[] {
    const far: Asked[] = [];
    const byUser = Map.groupBy(questions.keys(), (at) => (questions[at] as AccessQuestion).userId);
    for (const [userId, all] of byUser) {
      const grants = this.near.grantsOf(userId);
      const places = all.filter((at) => {
        const decision = stillHolding(grants?.get(fields[at] as string), now);
        if (decision?.granted) answers[at] = decision;
        return !decision?.granted;
      });
      if (places.length > 0) far.push({ userId, places, near: this.near.of(userId), standing: null });
    }
    return far;
  }

  /** Gives what Redis knows of these, and what it says to stand still. Returns the places of the others. */
  private async lookAt(asking: Asking, far: Asked[]): Promise<number[]> {
    const { fields, answers, now, began } = asking;
    const nearby = ({ near }: Asked, at: number) =>
      stillHolding(near?.decisions.get(fields[at] as string), now);
    const said = await this.looks.ask(
      far.map((asked) => ({
        userId: asked.userId,
        isKnown: asked.places.every((at) => nearby(asked, at)),
      })),
    );
    for (const [nth, asked] of far.entries()) {
      const shelf = said?.shelves[nth];
      if (!said?.generation || !shelf?.lease) continue;
      asked.standing = { lease: shelf.lease, generation: said.generation };
      if (asked.near && isSame(asked.near.standing, asked.standing)) {
        this.near.stands(asked.userId, asked.standing, began);
        for (const at of asked.places) answers[at] ??= nearby(asked, at);
      } else if (asked.near) {
        // else it would be asked for again and again whether it stands, in place of what Redis has now
        this.near.forgetUnder(asked.userId, asked.near.standing);
      }
      if (shelf.texts.length === 0) continue;
      const found = decisionsIn(shelf.texts, said.generation, now);
      for (const at of asked.places) answers[at] ??= found.get(fields[at] as string);
    }
    return [...fields.keys()].filter((at) => !answers[at]);
  }

  /** What Redis knows, of several at once; null when it is away. */
  private async look(rounds: readonly (readonly Look[])[]): Promise<(Shelves | null)[]> {
    try {
      const { generation, shelves } = await this.store.read(rounds.flat());
      const rest = [...shelves];
      return rounds.map(({ length }) => ({ generation, shelves: rest.splice(0, length) }));
    } catch {
      return rounds.map(() => null);
    }
  }

  /**
   * Adds to Redis what was decided; whoever asked does not wait for that. In this process keeps what Redis knew already:
   * most is asked for once, and to remember all that was decided is 6 % of what a page of courses costs (docs/decisions/0019).
   * What may not be kept in Redis is kept here at once.
   */
  private keep(
    { began, fields, answers }: Asking,
    { userId, places, standing, near }: Asked,
    open: ReadonlySet<number>,
  ): void {
    const isKnown = near && standing && isSame(near.standing, standing);
    const fresh = new Map<string, TimedDecision>();
    const decided = new Map<TimedDecision, string[]>();
    for (const at of places) {
      const [field, decision] = [fields[at] as string, answers[at] as TimedDecision];
      if (isKnown && near.decisions.get(field) === decision) continue;
      const others = decided.get(decision);
      if (!standing || !open.has(at)) fresh.set(field, decision);
      else if (others) others.push(field);
      else decided.set(decision, [field]);
    }
    if (fresh.size > 0) this.near.keep(userId, { began, standing, decisions: fresh });
    if (!standing || decided.size === 0) return;
    const texts = textsOf(standing.generation, decided);
    void this.additions.ask({ userId, lease: standing.lease, texts });
  }
}

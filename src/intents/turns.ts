import type { EntityManager } from "@mikro-orm/postgresql";
import type { Clock } from "../clock.ts";
import { reached } from "../crash-points.ts";
import { Intent } from "../entities/intent.ts";
import { Conflict } from "../errors.ts";
import { hashOf } from "../hash.ts";
import { lockUser, lockUserToFollow } from "../user-lock.ts";
import { IntentLapsed, isRefusal } from "./failures.ts";
import type { Intents } from "./intents.ts";
import { noteUnderKey } from "./key-scope.ts";
import type { IntentKindName } from "./kinds.ts";
import { type IntentRequest, openIntent } from "./open-intent.ts";

/** How often somebody else's change is waited for before the caller is asked to come back. */
const ROUNDS = 6;

/** Which changes of a user wait for each other, and what must hold when one begins. */
export interface Turn {
  kinds: readonly IntentKindName[];
  /** Whether it only gives back: made also while the user is being anonymised. */
  givesBack?: boolean;
  /**
   * When the change begins, under the user's lock: looks at rows that have followed all that went before, and throws
   * what refuses it or notes in the audit log who asked for it.
   */
  begin(tx: EntityManager): Promise<void>;
}

/**
 * Changes of one user that would get mixed up if they ran side by side: each begins when the one before has ended and
 * our rows have followed. An equal change that is under way is joined.
 */
export class Turns {
  constructor(
    private readonly em: EntityManager,
    private readonly intents: Intents,
    private readonly clock: Clock,
  ) {}

  /** As {@link Intents.run}, in turn. @throws Conflict (retryable) when too many others are before it */
  async run(request: IntentRequest, turn: Turn): Promise<string> {
    for (let round = 0; round < ROUNDS; round++) {
      const { id, isOurs } = await this.open(request, turn);
      reached("intent-opened");
      try {
        const stripeId = await this.intents.carryThrough(id);
        if (isOurs) return stripeId;
      } catch (error) {
        // what was refused to somebody else is not this caller's; what lapsed is asked for anew
        if (isOurs ? !(error instanceof IntentLapsed) : !isRefusal(error)) throw error;
      }
    }
    throw new Conflict("Another change of yours is being made. Try again in a moment.", { retryable: true });
  }

  private open(
    request: IntentRequest,
    { kinds, givesBack, begin }: Turn,
  ): Promise<{ id: string; isOurs: boolean }> {
    const { userId, kind, subject, params } = request;
    return this.em.fork().transactional(async (tx) => {
      await (givesBack ? lockUserToFollow : lockUser)(tx, userId);
      const before = await tx.findOne(
        Intent,
        { userId, kind: { $in: [...kinds] }, settledAt: null, state: { $ne: "FAILED" } },
        { orderBy: { id: "asc" } },
      );
      if (before) {
        const isSame = before.kind === kind && before.subject === subject;
        const isOurs = isSame && before.paramsHash === hashOf(params);
        if (isOurs) await noteUnderKey(tx, before);
        return { id: before.id, isOurs };
      }
      await begin(tx);
      return { id: (await openIntent(tx, request, this.clock.now())).id, isOurs: true };
    });
  }
}

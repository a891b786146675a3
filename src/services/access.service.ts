import type { EntityManager } from "@mikro-orm/postgresql";
import type { Caller } from "../auth/caller.ts";
import type { Clock } from "../clock.ts";
import { Purchase } from "../entities/purchase.ts";
import { Subscription } from "../entities/subscription.ts";
import { UserAccess } from "../entities/user-access.ts";
import { BadUserInput } from "../errors.ts";
import { eventId } from "../events/event-types.ts";
import { flush } from "../flush.ts";
import { Gathering } from "../gathering.ts";
import { isRead, rowsOf } from "../sync/look-ahead.ts";
import type { Write } from "../sync/write.ts";
import type { AccessSource } from "../types/enums.ts";
import { type AccessQuestion, type Decision, decideAll, type TimedDecision } from "./access-question.ts";
import { billingFacts } from "./billing-facts.ts";
import type { DecisionCache } from "./decision-cache.ts";
import { decisionAt, type PastDecision } from "./past-decisions.ts";
import { type BillingFacts, grantOf } from "./subscription-access.ts";

/** What a request is to a statement besides its questions, in questions. */
const OF_ITSELF = 40;
/**
 * What one statement decides, and how many do at a time: some nine pages of fifty courses or twenty single questions.
 * Were all of them one, PostgreSQL would rest while they are answered here, and this process while it decides.
 */
const TOGETHER = {
  ...{ most: 800, underWay: 4 },
  sizeOf: ({ length }: readonly AccessQuestion[]) => OF_ITSELF + length,
};

/** Answers the access question, and is the only writer of `user_access`. */
export class AccessService {
  private readonly decisions = new Gathering(
    (all: readonly (readonly AccessQuestion[])[]) => this.decideTogether(all),
    TOGETHER,
  );

  constructor(
    private readonly em: EntityManager,
    private readonly clock: Clock,
    private readonly gracePeriodDays: number,
    readonly cache: DecisionCache,
  ) {}

  /** What the cache knows, and for the rest `decide`. Not for a transaction that changes what is asked about. */
  answer(questions: readonly AccessQuestion[]): Promise<Decision[]> {
    return this.cache.answer(questions, (open) => this.decisions.ask(open));
  }

  /** The primary's answers, in the order of the questions: one statement for any number. */
  decide(questions: readonly AccessQuestion[], em = this.em.fork()): Promise<TimedDecision[]> {
    return decideAll(em, questions, this.clock.now());
  }

  /** Of several who ask at the same time. */
  private async decideTogether(all: readonly (readonly AccessQuestion[])[]): Promise<TimedDecision[][]> {
    const decided = await this.decide(all.flat());
    return all.map(({ length }) => decided.splice(0, length));
  }

  /** What was decided at a moment of the past, and why. @throws Forbidden unless an admin asks, BadUserInput for a moment to come */
  decisionAt(caller: Caller, question: AccessQuestion, moment: Date): Promise<PastDecision> {
    caller.assertAdmin();
    if (moment > this.clock.now()) throw new BadUserInput("asOf", "This moment has not come yet.");
    return decisionAt(this.em.fork(), question, moment);
  }

  /** Grants of the users, newest first; only those in force now unless `includeInactive`. */
  async grantsOf(userIds: readonly string[], includeInactive = false): Promise<UserAccess[]> {
    const now = this.clock.now();
    const rows = await this.em
      .fork()
      .find(UserAccess, { userId: { $in: [...userIds] } }, { orderBy: { startsAt: "desc", id: "desc" } });
    return includeInactive ? rows : rows.filter((grant) => grant.isActiveAt(now));
  }

  /** A user's grants in force now, and the next moment at which time alone changes which they are. */
  async outlookOf(userId: string): Promise<{ grants: UserAccess[]; changesAt: Date | null }> {
    const now = this.clock.now();
    const all = (await this.grantsOf([userId], true)).filter((grant) => !grant.revokedAt);
    const moments = all.flatMap(({ startsAt, expiresAt }) => [startsAt, expiresAt ?? startsAt]);
    const next = Math.min(...moments.map(Number).filter((moment) => moment > now.getTime()));
    return {
      grants: all.filter((grant) => grant.isActiveAt(now)),
      changesAt: Number.isFinite(next) ? new Date(next) : null,
    };
  }

  /**
   * Recomputes, within a sync's transaction, the grants that subscriptions give, and ends what they gave otherwise: two
   * statements for any number of them.
   */
  async followSubscriptions(tx: EntityManager, asked: ReadonlyMap<Subscription, Write>): Promise<void> {
    if (asked.size === 0) return;
    await flush(tx);
    const facts = await billingFacts(
      tx,
      [...asked.keys()].map((subscription) => subscription.stripeSubscriptionId),
    );
    const given = await grantsGivenBy(tx, asked);
    for (const [subscription, write] of asked)
      this.followSubscription(write, subscription, {
        facts: facts.get(subscription.stripeSubscriptionId) as BillingFacts,
        grants: given.filter(({ sourceId }) => sourceId === subscription.id),
      });
  }

  private followSubscription(
    write: Write,
    subscription: Subscription,
    { facts, grants }: { facts: BillingFacts; grants: readonly UserAccess[] },
  ): void {
    const due = grantOf(subscription, facts, this.gracePeriodDays);
    const given = grants.find((grant) => grant.source === due?.source && grant.scope === "PLATFORM");
    const others = grants.filter((grant) => grant !== given);
    const changed = others.flatMap((grant) => revoke(grant, write.now));
    if (due && !given) changed.push({ grant: grantPlatform(write, subscription, due), before: null });
    else if (due && given) changed.push(...renew(given, due.expiresAt, write.now));
    announce(write, changed);
  }

  /** Brings, within a sync's transaction, the grant that a purchase gives in step with whether it opens what was bought. */
  async followPurchase(write: Write, purchase: Purchase, opens: boolean): Promise<void> {
    const { tx, userId, now } = write;
    const { id: sourceId, resourceType: scope, resourceId } = purchase;
    const given = await tx.findOne(UserAccess, { userId, source: "PURCHASE", sourceId, scope, resourceId });
    if (!opens) return given ? this.end(write, given) : undefined;
    if (!given) {
      this.give(write, { source: "PURCHASE", sourceId, scope, resourceId, startsAt: now, expiresAt: null });
      return;
    }
    if (given.isActiveAt(now)) return;
    const before = told(given);
    Object.assign(given, { revokedAt: null, expiresAt: null, version: given.version + 1 });
    if (given.startsAt > now) given.startsAt = now;
    announce(write, [{ grant: given, before }]);
  }

  /**
   * Whether something opens a course or path to the user for good: then there is no reason to buy it.
   * @param except.but a purchase whose own grant does not count
   * @param except.at the moment that is asked about; now, when left out
   */
  async isOwned(
    em: EntityManager,
    { userId, resourceType, resourceId }: AccessQuestion,
    { but = null, at = this.clock.now() }: { but?: string | null; at?: Date } = {},
  ): Promise<boolean> {
    const rows = await em.execute<unknown[]>(OWNED, [
      ...[userId, at, resourceType, resourceId],
      ...[resourceType, resourceId, but],
    ]);
    return rows.length > 0;
  }

  /** Adds a grant that somebody decides on. */
  give(
    write: Write,
    grant: Pick<UserAccess, "source" | "sourceId" | "scope" | "resourceId" | "startsAt" | "expiresAt">,
  ): UserAccess {
    const given = Object.assign(new UserAccess(), { userId: write.userId, ...grant });
    write.tx.persist(given);
    announce(write, [{ grant: given, before: null }]);
    return given;
  }

  /** Ends a grant now; nothing is told of one that has ended. */
  end(write: Write, grant: UserAccess): void {
    announce(write, revoke(grant, write.now));
  }

  /** Recomputes all that a user's subscriptions give, and ends what nothing gives that was paid for. For reconciliation. */
  async followUser(write: Write): Promise<void> {
    const { tx, userId, now } = write;
    const subscriptions = await tx.find(Subscription, { userId });
    await this.followSubscriptions(tx, new Map(subscriptions.map((subscription) => [subscription, write])));
    const purchases = await tx.find(Purchase, { userId });
    const orphans = await tx.find(UserAccess, {
      ...{ userId, source: { $in: ["SUBSCRIPTION", "TRIAL", "PURCHASE"] } },
      sourceId: { $nin: [...subscriptions, ...purchases].map(({ id }) => id) },
    });
    announce(
      write,
      orphans.flatMap((grant) => revoke(grant, now)),
    );
  }
}

/** A grant that is given or changed now, and what it was before. */
interface Changed {
  grant: UserAccess;
  before: ReturnType<typeof told> | null;
}

/** What the audit log keeps of a grant. */
function told({ source, scope, startsAt, expiresAt, revokedAt = null }: UserAccess) {
  return { source, scope, startsAt, expiresAt, revokedAt };
}

/** Ends a grant that is still in force; one that has lapsed stays as it is. */
function revoke(grant: UserAccess, now: Date): Changed[] {
  if (!grant.isActiveAt(now)) return [];
  const before = told(grant);
  grant.revokedAt = now;
  grant.version += 1;
  return [{ grant, before }];
}

function renew(grant: UserAccess, expiresAt: Date, now: Date): Changed[] {
  const isSame = !grant.revokedAt && grant.expiresAt?.getTime() === expiresAt.getTime();
  if (isSame && grant.startsAt <= now) return [];
  const before = told(grant);
  if (grant.startsAt > now) grant.startsAt = now;
  grant.revokedAt = null;
  grant.expiresAt = expiresAt;
  grant.version += 1;
  return [{ grant, before }];
}

function grantPlatform(
  { tx, userId, now }: Write,
  subscription: Subscription,
  due: { source: AccessSource; expiresAt: Date },
): UserAccess {
  const grant = Object.assign(new UserAccess(), {
    userId,
    source: due.source,
    sourceId: subscription.id,
    scope: "PLATFORM",
    // Stripe's clock may be a moment ahead of ours: who has paid does not wait for it
    startsAt: subscription.stripeCreatedAt < now ? subscription.stripeCreatedAt : now,
    expiresAt: due.expiresAt,
  });
  tx.persist(grant);
  return grant;
}

/** The audit row of each grant and one event for all; nothing when none has changed. */
function announce({ emit, audit }: Write, changed: Changed[]): void {
  if (changed.length === 0) return;
  for (const { grant, before } of changed)
    audit("user_access", grant.id, { row: grant, before, after: told(grant) });
  const versions = changed.map(({ grant }) => `${grant.id}@${grant.version}`).sort();
  emit({
    id: eventId("access.changed", ...versions),
    type: "access.changed",
    data: { grantIds: changed.map(({ grant }) => grant.id) },
  });
}

/** Grants whose source one of these is. */
async function grantsGivenBy(
  tx: EntityManager,
  asked: ReadonlyMap<Subscription, Write>,
): Promise<UserAccess[]> {
  const userId = [...asked.values()].map((write) => write.userId);
  const sourceId = [...asked.keys()].map(({ id }) => id);
  return isRead(tx, UserAccess, userId)
    ? rowsOf(tx, UserAccess).filter((grant) => sourceId.includes(grant.sourceId ?? ""))
    : tx.find(UserAccess, { userId, sourceId });
}

/** Grants without an end of the resource itself, or of a path that the course is in. */
const OWNED = `
  select 1 from user_access
   where user_id = ? and revoked_at is null and expires_at is null and starts_at <= ?
     and (scope = ? and resource_id = ?
       or scope = 'LEARNING_PATH' and ? = 'COURSE'
          and resource_id in (select path_id from learning_path_courses where course_id = ?))
     and source_id is distinct from ?
   limit 1`;

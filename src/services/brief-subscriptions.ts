import type { EntityManager } from "@mikro-orm/postgresql";
import type { Plan } from "../entities/plan.ts";
import { Subscription } from "../entities/subscription.ts";
import { prepared } from "../prepared.ts";
import type { SubscriptionStatus } from "../types/enums.ts";
import { type KnownPlans, PLANS_VERSION } from "./known-plans.ts";

/** Fields of a subscription for which little of it has to be read. A new one is not among them. */
export const BRIEF_FIELDS = ["__typename", "id", "status", "plan", "user"];

const TYPE = "UserSubscription.";
const ENOUGH = new Set(BRIEF_FIELDS.map((name) => TYPE + name));
const known = new WeakMap<ReadonlySet<string>, boolean>();

/** Whether an operation that asks for these fields (`Type.field`), anywhere in it, needs no more of a subscription. */
function isBrief(fields: ReadonlySet<string> | undefined): boolean {
  if (!fields) return false;
  const answer = known.get(fields) ?? [...fields].every((name) => !name.startsWith(TYPE) || ENOUGH.has(name));
  known.set(fields, answer);
  return answer;
}

/** The loader of users' subscriptions that reads as much as an operation needs. */
export const subscriptionLoader = <Loader>(context: {
  asks: { readonly anywhere: ReadonlySet<string> } | undefined;
  loaders: { briefSubscription: Loader; currentSubscription: Loader };
}): Loader =>
  isBrief(context.asks?.anywhere) ? context.loaders.briefSubscription : context.loaders.currentSubscription;

/** What {@link BRIEF_FIELDS} need of a subscription, and what tells which of a user's is the one. */
class Brief {
  constructor(
    readonly id: string,
    readonly userId: string,
    readonly status: SubscriptionStatus,
    readonly planId: string | null,
    readonly knownPlan: Plan | undefined,
    private readonly isDuplicate: boolean,
    private readonly created: number,
  ) {}

  /** As {@link SubscriptionService.currentOf} chooses: a live one, not the second of two, the newest. */
  isRather(other: Brief): boolean {
    const [isLive, otherIsLive] = [this, other].map((one) => (one as unknown as Subscription).isLive);
    if (isLive !== otherIsLive) return isLive === true;
    if (this.isDuplicate !== other.isDuplicate) return other.isDuplicate;
    return this.created === other.created ? this.id > other.id : this.created > other.created;
  }
}
Object.setPrototypeOf(Brief.prototype, Subscription.prototype);
// what the ORM has there keeps watch over each value that is set
for (const name of ["id", "userId", "status", "planId", "knownPlan"])
  Object.defineProperty(Brief.prototype, name, { value: undefined, writable: true });

/**
 * For each user, in their order, the subscription that stands for them, as far as {@link BRIEF_FIELDS} go. Of all rows
 * PostgreSQL makes one text: to take a row apart takes the process longer than to read what is in it.
 */
export async function briefSubscriptions(
  em: EntityManager,
  userIds: readonly string[],
  knownPlans: KnownPlans,
): Promise<(Subscription | null)[]> {
  const current: (Brief | null)[] = new Array(userIds.length).fill(null);
  const [row] = await prepared<{ words: string | null; plansVersion: string }>(em, BRIEF, [userIds]);
  const words = row?.words?.split("\n") ?? [];
  const plans = row && knownPlans.at(row.plansVersion);
  for (let at = 0; at < words.length; at += COLUMNS) {
    const [place, id, status, planId, duplicate, created] = words.slice(at, at + COLUMNS) as Words;
    const user = Number(place) - 1;
    const [plan, other] = [plans?.get(planId), current[user]];
    const brief = new Brief(
      id,
      userIds[user] as string,
      status,
      planId || null,
      plan,
      duplicate !== "",
      Number(created),
    );
    if (!other || brief.isRather(other)) current[user] = brief;
  }
  return current as unknown as (Subscription | null)[];
}

type Words = [
  place: string,
  id: string,
  status: SubscriptionStatus,
  planId: string,
  duplicate: string,
  created: string,
];
const COLUMNS = 6;

/** Words that have no line break, each row's behind the others'. Which of a user's is the one is told here, not by sorting all. */
const BRIEF = `
  select ${PLANS_VERSION}, string_agg(asked.place || E'\\n' || id || E'\\n' || status || E'\\n' || coalesce(plan_id::text, '')
           || case when duplicate_of is null then E'\\n\\n' else E'\\nduplicate\\n' end
           || date_part('epoch', stripe_created_at), E'\\n') as words
    from unnest($1::text[]) with ordinality as asked (user_id, place)
    join subscriptions using (user_id)
   where was_live`;

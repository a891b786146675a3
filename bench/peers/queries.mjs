// Raw pg: a pool as large as the service's, and statements that PostgreSQL has prepared under a name and plans once
// (left to itself it plans those with arrays anew each time, which costs more than running them).
import pg from "pg";

const pool = new pg.Pool({
  ...{ connectionString: process.env.DATABASE_URL, max: 20 },
  options: "-c plan_cache_mode=force_generic_plan",
});

async function rowsOf(name, text, values) {
  const { rows } = await pool.query({ name, text, values });
  return rows;
}

/** For each user the live subscription with its plan, else the latest that ended; one statement. */
export async function subscriptionsOf(userIds) {
  const rows = await rowsOf("subscriptions", SUBSCRIPTIONS, [userIds]);
  const byUser = new Map(
    rows.map(({ user_id, plan, ...subscription }) => [user_id, { ...subscription, plan: { name: plan } }]),
  );
  return userIds.map((userId) => byUser.get(userId) ?? null);
}

/** Answers in the order of the questions, from one statement: what the users have, and what the resources belong to. */
export async function decide(questions) {
  const users = [...new Set(questions.map(({ userId }) => userId))];
  const rows = await rowsOf("decision", DECISION, [
    users,
    questions.map(({ resourceId }) => resourceId),
    new Date(),
  ]);
  const grants = new Map(users.map((userId) => [userId, []]));
  const paths = new Map();
  const reserved = new Set();
  for (const row of rows) {
    if (row.kind === "grant") grants.get(row.a).push(row);
    else if (row.kind === "reserved") reserved.add(`${row.b} ${row.c}`);
    else if (paths.has(row.c)) paths.get(row.c).push(row.a);
    else paths.set(row.c, [row.a]);
  }
  return questions.map(({ userId, resourceType, resourceId }) => {
    const opens = ({ b: scope, c: id }) =>
      (scope === "PLATFORM" && !reserved.has(`${resourceType} ${resourceId}`)) ||
      (scope === resourceType && id === resourceId) ||
      (scope === "LEARNING_PATH" && resourceType === "COURSE" && paths.get(resourceId)?.includes(id));
    let longest;
    for (const grant of grants.get(userId))
      if (opens(grant) && (!longest || lasts(grant) > lasts(longest))) longest = grant;
    return longest
      ? { granted: true, source: longest.source, expiresAt: longest.expires_at }
      : { granted: false, source: null, expiresAt: null };
  });
}

const lasts = ({ expires_at }) => expires_at?.getTime() ?? Number.POSITIVE_INFINITY;

/** On sale, cheapest month first. */
export async function plansOnSale() {
  const plans = (await rowsOf("plans", PLANS, [])).map(
    ({ amount_minor, currency, trial_days, is_active, ...plan }) => {
      const amount = Number(amount_minor);
      const monthly = plan.interval === "YEAR" ? Math.round(amount / 12) : amount;
      return {
        ...plan,
        ...{ trialDays: trial_days, isActive: is_active },
        price: { amount, currency },
        monthlyPrice: { amount: monthly, currency },
      };
    },
  );
  return plans.sort(
    (left, right) =>
      left.monthlyPrice.amount - right.monthlyPrice.amount || left.name.localeCompare(right.name),
  );
}

const SUBSCRIPTIONS = `
  select distinct on (s.user_id) s.user_id, s.id, s.status, p.name as plan
    from subscriptions s join subscription_plans p on p.id = s.plan_id
   where s.user_id = any($1) and s.was_live
   order by s.user_id, s.status in ('TRIALING', 'ACTIVE', 'PAST_DUE', 'UNPAID', 'PAUSED') desc,
         s.duplicate_of is not null, s.stripe_created_at desc, s.id desc`;

const DECISION = `
  select 'grant' as kind, user_id as a, scope as b, resource_id as c, source, expires_at
    from user_access
   where user_id = any($1) and revoked_at is null
     and starts_at <= $3 and (expires_at is null or expires_at > $3)
  union all
  select 'path', path_id, null, course_id, null, null from learning_path_courses where course_id = any($2)
  union all
  select 'reserved', null, resource_type, resource_id, null, null from offers
   where resource_type in ('COURSE', 'LEARNING_PATH') and resource_id = any($2) and not is_standard`;

const PLANS = `
  select id, name, tier, description, interval, features, amount_minor, currency, trial_days, is_active
    from subscription_plans
   where is_active and (stripe_price_id is null or stripe_price_id is distinct from withdrawn_price_id)`;

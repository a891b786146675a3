import type { Client } from "pg";

/** What a filled database holds. */
export interface Filled {
  users: number;
  courses: number;
}

export const COURSES = 2_000;
const PATHS = 100;
const GRANTS_A_USER = 5;

export const userId = (n: number) => `user-${String(n).padStart(8, "0")}`;
export const courseId = (n: number) => `course-${String(n).padStart(5, "0")}`;

const USER = "'user-' || lpad(u::text, 8, '0')";
const course = (n: string) => `'course-' || lpad((${n})::text, 5, '0')`;
const path = (n: string) => `'path-' || lpad((${n})::text, 3, '0')`;
const NOW = "date_trunc('milliseconds', now())";

/** Offers, of which every fifth course's is not standard, paths of ten courses, and plans that have a price. */
export async function fillCatalogue(client: Client): Promise<void> {
  await client.query(`
    insert into offers (resource_type, resource_id, title, amount_minor, currency, is_standard, created_at)
    select 'COURSE', ${course("n")}, 'Course ' || n, 4900, 'USD', n % 5 <> 0, ${NOW}
      from generate_series(1, ${COURSES}) n
    union all
    select 'LEARNING_PATH', ${path("n")}, 'Path ' || n, 19900, 'USD', true, ${NOW}
      from generate_series(1, ${PATHS}) n`);
  await client.query(`
    insert into learning_path_courses (path_id, course_id, position)
    select ${path("n")}, ${course(`1 + (n * 37 + at * 191) % ${COURSES}`)}, at
      from generate_series(1, ${PATHS}) n, generate_series(1, 10) at`);
  await client.query("update subscription_plans set stripe_price_id = 'price_' || lookup_key");
}

/**
 * Grants of all kinds, five a user: most have one of the platform, some of which have lapsed; three courses each, some
 * taken back; and a path for a while. No two of a user's last equally long. Constraints and indexes are what the migrations made.
 */
export async function fillGrants(client: Client, grants: number): Promise<number> {
  const users = Math.ceil(grants / GRANTS_A_USER);
  await client.query(`
    insert into user_access (id, user_id, source, source_id, scope, resource_id, starts_at, expires_at, revoked_at)
    select gen_random_uuid(), ${USER},
           case when k = 0 and u % 10 < 8 then 'SUBSCRIPTION' when k = 0 then 'GIFT' when k = 4 then 'SEAT' else 'PURCHASE' end,
           'source-' || u || '-' || k,
           case when k = 0 and u % 10 < 8 then 'PLATFORM' when k = 4 then 'LEARNING_PATH' else 'COURSE' end,
           case when k = 0 and u % 10 < 8 then null when k = 4 then ${path(`1 + u % ${PATHS}`)}
                else ${course(`1 + (u * 7 + k * 611) % ${COURSES}`)} end,
           ${NOW} - (1 + u % 700) * interval '1 day',
           case when k = 0 then ${NOW} + (u % 10 - 1) * interval '3 days' + interval '1 hour'
                when k = 4 then ${NOW} + (30 + u % 60) * interval '1 day' end,
           case when k between 1 and 3 and u % 20 = k then ${NOW} end
      from generate_series(1, ${users}) u, generate_series(0, ${GRANTS_A_USER - 1}) k
     limit ${grants}`);
  return users;
}

/** Fills a table faster: its indexes are made afterwards, and nothing of it goes through the log. */
export async function withoutIndexes<T>(client: Client, table: string, fill: () => Promise<T>): Promise<T> {
  const { rows } = await client.query<{ name: string; definition: string; key: string | null }>(
    `select indexrelid::regclass as name, pg_get_indexdef(indexrelid) as definition, conname as key
       from pg_index left join pg_constraint on conindid = indexrelid and contype = 'p'
      where indrelid = $1::regclass`,
    [table],
  );
  await client.query(`alter table ${table} set unlogged`);
  for (const { name, key } of rows)
    await client.query(key ? `alter table ${table} drop constraint ${key}` : `drop index ${name}`);
  const result = await fill();
  for (const { name, definition, key } of rows) {
    await client.query(definition);
    if (key) await client.query(`alter table ${table} add constraint ${key} primary key using index ${name}`);
  }
  return result;
}

/** What the users bought: eight of ten have a subscription, some of those a second that ended. */
export async function fillSubscriptions(client: Client, users: number): Promise<void> {
  await client.query(`
    insert into subscriptions (id, user_id, stripe_subscription_id, stripe_price_id, plan_id, status, quantity,
                               current_period_start, current_period_end, cancel_at_period_end, has_payment_method,
                               stripe_created_at, ended_at)
    select gen_random_uuid(), ${USER}, 'sub_' || u || '_' || k, plan.stripe_price_id, plan.id,
           case when k = 2 or u % 10 = 0 then 'CANCELED' when u % 10 = 1 then 'PAST_DUE' else 'ACTIVE' end, 1,
           ${NOW} - interval '10 days', ${NOW} + interval '20 days', false, true,
           ${NOW} - (u % 700 + k * 30) * interval '1 day', case when k = 2 then ${NOW} - interval '5 days' end
      from generate_series(1, ${users}) u
      join (values (1), (2)) seconds (k) on k = 1 or u % 4 = 0
      join (select *, row_number() over (order by name) - 1 as at
              from subscription_plans where tier <> 'FREE') plan on plan.at = u % 3
     where u % 10 < 8`);
}

/** Everything the benchmark of access asks about. */
export async function fill(client: Client, grants: number): Promise<Filled> {
  await client.query("set maintenance_work_mem = '512MB'");
  await fillCatalogue(client);
  const users = await fillGrants(client, grants);
  await fillSubscriptions(client, users);
  await client.query("vacuum (analyze)");
  await client.query("checkpoint");
  return { users, courses: COURSES };
}

import { tracesOf } from "../support/traces.ts";
import { checkoutAnswer } from "./operations/learner.ts";
import type { Learner, World } from "./world.ts";

const PSEUDONYM = "anonymized:";
export const isPseudonym = (id: string) => id.startsWith(PSEUDONYM);
/** Where the id of somebody who was anonymised may stand: on the tombstone, and where it says who asked. */
const TOMBSTONE = ["anonymized_users.user_id", "audit_log.row_id"];
/** What their token asked for is remembered for a minute: nothing. */
const FOR_A_MINUTE = "redis payment";

const MAY = '{ accessTo(resourceType: COURSE, resourceId: "course-a") { granted } }';

/**
 * Those under whom the rows of learners go on who were anonymised: held against Stripe like anybody. What a learner had
 * that is deleted is theirs from then on.
 */
export async function addPseudonyms(world: World): Promise<void> {
  const customers = await world.stripe.customers.list({ limit: 100 }).autoPagingToArray({ limit: 10_000 });
  const atStripe = customers.map(({ metadata }) => metadata.cmh_user_id ?? "").filter(isPseudonym);
  const deleted = world.learners.flatMap((learner) => learner.deleted);
  const moved = await world.rows<{ id: string; owner: string }>(
    `select stripe_customer_id as id, user_id as owner from customers where stripe_customer_id = any($1)
     union select stripe_customer_id, user_id from former_customers where stripe_customer_id = any($1)`,
    [deleted],
  );
  const theirs = moved.filter(({ owner }) => isPseudonym(owner));
  const isMoved = (id: string) => theirs.some((one) => one.id === id);
  for (const learner of world.learners) learner.deleted = learner.deleted.filter((id) => !isMoved(id));
  const known = new Set(world.learners.map(({ id }) => id));
  const pseudonyms = new Set([...atStripe, ...theirs.map(({ owner }) => owner)]);
  for (const id of [...pseudonyms].filter((one) => !known.has(one)))
    world.learners.push({
      ...{ id, token: "", had: [], keys: new Map() },
      deleted: theirs.filter(({ owner }) => owner === id).map((one) => one.id),
    });
}

/** What is still to be found of whoever was anonymised, can still be used by them, or is still charged to them. */
export async function identityFaults(world: World): Promise<string[]> {
  const asked = await world.rows<{ id: string }>(
    "select user_id as id from anonymized_users where user_id = any($1)",
    [world.learners.map(({ id }) => id)],
  );
  const gone = world.learners.filter(({ id }) => asked.some((one) => one.id === id));
  return (await Promise.all(gone.map((learner) => faultsOf(world, learner)))).flat();
}

async function faultsOf(world: World, learner: Learner): Promise<string[]> {
  const found = await tracesOf((sql) => world.rows<{ trace: string }>(sql), world.redis.url, [learner.id]);
  const traces = found.filter(
    (trace) => !TOMBSTONE.includes(trace.split(":")[0] as string) && !trace.startsWith(FOR_A_MINUTE),
  );
  const code = (await checkoutAnswer(world, learner))?.errors?.[0]?.extensions.code;
  const may = (await world.ask(learner, MAY))?.data?.accessTo?.granted;
  return [
    ...traces.map((trace) => `of ${learner.id}, who was anonymised, there is ${trace}`),
    ...(code === "USER_ANONYMIZED" ? [] : [`${learner.id} was anonymised; their next checkout: ${code}`]),
    ...(may === false ? [] : [`${learner.id} was anonymised; they may open a course: ${may}`]),
    ...(await faultsAtStripe(world, learner)),
  ];
}

async function faultsAtStripe({ stripe }: World, { id, had }: Learner): Promise<string[]> {
  const faults: string[] = [];
  for (const customer of new Set(had)) {
    const remote = await stripe.customers.retrieve(customer);
    if (remote.deleted) continue;
    if (JSON.stringify(remote).includes(id)) faults.push(`${customer} still names ${id}`);
    const left = {
      subscriptions: (await stripe.subscriptions.list({ customer })).data,
      pages: (await stripe.checkout.sessions.list({ customer, status: "open" })).data,
      methods: (await stripe.customers.listPaymentMethods(customer)).data,
    };
    for (const [what, { length }] of Object.entries(left))
      if (length > 0) faults.push(`${customer}, whose ${id} was anonymised, has ${length} ${what}`);
  }
  return faults;
}

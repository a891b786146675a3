import { ANONYMIZATIONS_CURSOR } from "../../src/jobs/anonymizations.ts";
import { EXPIRING_CARDS_CURSOR } from "../../src/jobs/expiring-cards.ts";
import { eventually } from "../support/service.ts";
import { wakeWhatIsOverdue } from "../support/sweep.ts";
import type { World } from "./world.ts";

const WITHIN_MS = 60_000;
const POLL_MS = 10;
/** Rounds after which what waits is hurried again. */
const HURRY_EVERY = 10;
/** Events that are younger are left to their webhooks by the catching up. */
const YOUNG_SECONDS = 61;

/**
 * Ends all troubles but a death that is still to come, and lets everything that is still to be done be done.
 * @throws Error with what is left
 */
export async function settle(world: World): Promise<void> {
  world.host.reachRedis(true);
  await world.control("faults", { reset: true });
  await Promise.allSettled(world.underWay);
  await untilDone(world);
  if (world.webhooksWereLost) {
    await world.webhooksArrive(true);
    await catchUp(world);
    await untilDone(world);
  }
  world.host.disarm();
  if (world.mustDie && !world.hasDied) await world.host.crash();
  // it may have died of the very last thing that it did
  await untilDone(world);
  await tellOfCards(world);
  await untilDone(world);
}

/** The service's own look at cards that expire, now instead of within ten minutes. */
async function tellOfCards(world: World): Promise<void> {
  const parts = await world.host.parts();
  await world.rows(
    "update cursors set next_run_at = now(), lease_until = null, leased_by = null where name = $1",
    [EXPIRING_CARDS_CURSOR],
  );
  await parts?.workers.rounds.run(EXPIRING_CARDS_CURSOR);
}

async function untilDone(world: World): Promise<void> {
  const deadline = Date.now() + WITHIN_MS;
  for (let round = 0; ; round++) {
    if (world.host.isDown) await world.restart();
    const left = await stillToDo(world);
    const late = left.length === 0 || round % HURRY_EVERY === 0 ? await undelivered(world) : [];
    if (left.length === 0 && late.length === 0) return;
    if (Date.now() > deadline) throw new Error(`still to be done: ${[...left, ...late].join("; ")}`);
    if (round % HURRY_EVERY === 0) await hurry(world, late);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The service's own catching up, now instead of in a minute: it finds the events that never came. */
async function catchUp(world: World): Promise<void> {
  await world.control("advance", { seconds: 2 * YOUNG_SECONDS });
  const lost = Math.floor(world.sandbox.now().getTime() / 1_000) - YOUNG_SECONDS;
  await world.rows(
    "update cursors set next_run_at = now(), lease_until = null, leased_by = null where name = 'events'",
  );
  await eventually(
    async () => {
      if (world.host.isDown) await world.restart();
      await world.rows(
        `update cursors set next_run_at = now()
         where name in ('events', 'objects') and next_run_at > now() and next_run_at < 'infinity'`,
      );
      await sweep(world);
      return world.rows<{ reached: number; swept: boolean }>(
        `select (state->>'reached')::bigint as reached, not exists (select 1 from cursors where name = 'objects'
           and state->>'finishedAt' is null) as swept from cursors where name = 'events'`,
      );
    },
    ([cursor]) => Number(cursor?.reached) >= lost && cursor?.swept === true,
    WITHIN_MS,
    100,
  );
}

/** Events that Stripe is sending, or will send again in a while, and that have not come. */
async function undelivered(world: World): Promise<string[]> {
  const response = await fetch(`${world.sandbox.url}/sandbox/deliveries`);
  const { deliveries } = (await response.json()) as { deliveries: { event: string; state: string }[] };
  const late = deliveries.filter(({ state }) => state === "pending").map(({ event }) => event);
  if (late.length === 0) return [];
  const come = await world.rows<{ id: string }>("select id from stripe_events where id = any($1)", [late]);
  return [...new Set(late)].filter((event) => !come.some(({ id }) => id === event));
}

/** What waits for its next try waits no longer, in the service and at Stripe. */
async function hurry(world: World, late: string[]): Promise<void> {
  await Promise.all(late.map((event) => world.control(`events/${event}/resend`)));
  for (const [table, condition] of [
    ["stripe_events", "status = 'pending' and (lease_until is null or lease_until < now())"],
    ["outbox", "sent_at is null and (lease_until is null or lease_until < now())"],
    ["intents", "settled_at is null and state <> 'FAILED' and (lease_until is null or lease_until < now())"],
  ])
    await world.rows(`update ${table} set next_try_at = now() - interval '6 seconds' where ${condition}`);
  await world.rows("update anonymized_users set next_try_at = now() where finished_at is null");
  await world.rows(
    "update cursors set next_run_at = now() where name = $1 and next_run_at > now() and lease_until is null",
    [ANONYMIZATIONS_CURSOR],
  );
  await world.rows("update graphile_worker._private_jobs set run_at = now() where run_at > now()");
  await sweep(world);
}

async function sweep(world: World): Promise<void> {
  const parts = await world.host.parts();
  if (!parts) return; // it has just died
  await wakeWhatIsOverdue({ app: { parts } }).catch(() => {});
}

/** What the service has yet to do, in words. */
export async function stillToDo(world: World): Promise<string[]> {
  const rows = await world.rows<{ what: string; last_error: string | null }>(
    `select type || ' ' || id || ' of ' || object_id || ' is ' || status as what, last_error
       from stripe_events where status in ('pending', 'failed')
     union all
     select 'unsent ' || type || ' of ' || user_id, null from outbox where sent_at is null
     union all
     select 'anonymizing ' || user_id, null from anonymized_users where finished_at is null
     union all
     select kind || ' ' || state || ' for ' || subject, error::text from intents
      where settled_at is null and state <> 'FAILED'`,
  );
  return rows.map(({ what, last_error }) => `${what}${last_error ? ` (${last_error})` : ""}`);
}

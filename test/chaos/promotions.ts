import type { World } from "./world.ts";

/** Where more was redeemed than a code allows, where a use and what it gave do not go together, or Stripe differs. */
export async function promotionFaults(world: World): Promise<string[]> {
  const users = world.learners.map(({ id }) => id);
  const found = await world.rows<{ fault: string }>(
    `select code || ' was redeemed ' || count(*) || ' times' as fault
       from promotions join promotion_redemptions used on used.promotion_id = promotions.id
      where released_at is null group by promotions.id having count(*) > max_redemptions
     union all
     select code || ' was redeemed ' || count(*) || ' times by ' || user_id
       from promotions join promotion_redemptions used on used.promotion_id = promotions.id
      where released_at is null group by promotions.id, user_id having count(*) > max_per_user
     union all
     select 'redemption ' || used.id || ' of access gave ' || count(grants.id) || ' grants'
       from promotion_redemptions used left join user_access grants on grants.source_id = used.id::text
      where used.intent_id is null and used.purchase_id is null group by used.id having count(grants.id) <> 1
     union all
     select 'grant ' || id || ' of no redemption' from user_access
      where source = 'PROMOTION' and user_id = any($1)
        and source_id not in (select id::text from promotion_redemptions)
     union all
     select 'redemption ' || used.id || ' of ' || made.stripe_subscription_id || ' is not right: used '
         || (used.used_at is not null) || ', live ' || made.was_live
       from promotion_redemptions used join intents intent on intent.id = used.intent_id
       left join checkout_sessions session on session.id = intent.stripe_id
       join subscriptions made
         on made.stripe_subscription_id = coalesce(session.stripe_subscription_id, intent.stripe_id)
      where (used.used_at is not null) <> (made.was_live and not made.is_trial_refused)
     union all
     select 'redemption ' || used.id || ' of a purchase that is ' || purchase.status || ' is not right'
       from promotion_redemptions used join purchases purchase on purchase.id = used.purchase_id
      where used.used_at is not null and purchase.purchased_at is null
         or used.used_at is null and purchase.status = 'COMPLETED'`,
    [users],
  );
  return [...found.map(({ fault }) => fault), ...(await faultsAtStripe(world))];
}

async function faultsAtStripe(world: World): Promise<string[]> {
  const ours = await world.rows<{ id: string; stripe: string; ended: boolean }>(
    `select id, stripe_promotion_code_id as stripe, deactivated_at is not null as ended from promotions
      where stripe_promotion_code_id is not null`,
  );
  const { data } = await world.stripe.promotionCodes.list({ limit: 100 });
  const faults = ours.flatMap(({ id, stripe, ended }) => {
    const remote = data.find((code) => code.id === stripe);
    if (remote?.metadata?.cmh_promotion_id !== id) return [`promotion ${id} is not ${stripe}`];
    return remote.active === ended ? [`promotion ${id} is${ended ? "" : " not"} ended, Stripe differs`] : [];
  });
  const strangers = data.filter(({ id }) => !ours.some(({ stripe }) => stripe === id));
  return [...faults, ...strangers.map(({ id }) => `${id} at Stripe is no promotion`)];
}

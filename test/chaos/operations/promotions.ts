import { hashOf } from "../../../src/hash.ts";
import { CREATE_CHECKOUT } from "../../support/checkout.ts";
import type { Learner, World } from "../world.ts";
import { openSession } from "./at-stripe.ts";
import { type Choice, choose, type Operations } from "./operation.ts";
import { buy } from "./purchases.ts";

const CREATE = "mutation ($input: CreatePromotionInput!) { createPromotion(input: $input) { id } }";
const END = "mutation ($id: ID!, $key: String) { deactivatePromotion(id: $id, idempotencyKey: $key) { id } }";
const REDEEM = "mutation ($input: RedeemPromotionInput!) { redeemPromotion(input: $input) { id } }";
const SUBSCRIBE = `mutation ($input: CreateSubscriptionInput!) {
  createSubscription(input: $input) { subscription { id status } }
}`;

/** What codes of a history do; few, so that they run out. */
const KINDS = [
  { code: "MONTH", access: { scope: "PLATFORM", days: 30 }, maxRedemptions: 2 },
  { code: "RUST", access: { scope: "COURSE", resourceId: "rust" }, maxRedemptionsPerUser: 2 },
  { code: "HALF", discount: { percentOff: 50, duration: "FOREVER" }, maxRedemptions: 2 },
  { code: "FIVE", discount: { amountOff: 500, currency: "USD" }, maxRedemptionsPerUser: 2 },
];

type Kind = (typeof KINDS)[number];

const make = (world: World, kind: Kind, key?: string) =>
  world.ask({ token: world.admin as string }, CREATE, {
    input: { ...kind, ...(key && { idempotencyKey: key }) },
  });

/** One of the codes, mostly made a moment ago when it was not yet, as somebody types it; sometimes wrong. */
async function typed(world: World, { pick }: Choice, kinds = KINDS): Promise<string> {
  const kind = choose(kinds, pick) as Kind;
  const made = await world.rows("select 1 from promotions where code = $1", [kind.code]);
  if (made.length === 0 && pick % 5 > 0) await make(world, kind);
  return pick % 13 === 12 ? "nobodys" : kind.code.toLowerCase();
}

async function subscribeWith(world: World, learner: Learner, choice: Choice) {
  const plans = await world.ask(learner, "{ plans { id name } }");
  const planId = plans?.data?.plans.find(({ name }: { name: string }) => name === "Premium")?.id;
  const promotionCode = await typed(world, choice, KINDS.slice(2));
  if (!planId) return undefined;
  if (choice.pick % 3 === 2) return world.ask(learner, SUBSCRIBE, { input: { planId, promotionCode } });
  const page = {
    successUrl: "https://learn.example.com/welcome",
    cancelUrl: "https://learn.example.com/plans",
  };
  const answer = await world.ask(learner, CREATE_CHECKOUT, { input: { planId, promotionCode, ...page } });
  const session = choice.flag ? await openSession(world, learner, choice) : undefined;
  if (!session) return answer;
  return world.control(`checkout/sessions/${session.id}/complete`, { payment_method: "pm_card_visa" });
}

async function redeem(world: World, learner: Learner, choice: Choice) {
  const code = await typed(world, choice);
  const key = choice.flag && { idempotencyKey: `redeem-${choice.pick % 4}` };
  return world.ask(learner, REDEEM, { input: { code, ...key } });
}

/** Codes: what admins make and end, and what learners do with them. */
export const PROMOTION_OPERATIONS: Operations = {
  "an admin makes codes": {
    weight: 4,
    run: (world, { id }, { pick, flag }) =>
      Promise.all(
        [pick, pick + 2].map((which) =>
          make(world, choose(KINDS, which) as Kind, flag ? `make-${which}-${hashOf(id)}` : undefined),
        ),
      ),
  },
  "an admin ends a code": {
    weight: 1,
    async run(world, _learner, { pick, flag }) {
      const rows = await world.rows<{ id: string }>("select id from promotions order by id");
      const id = choose(rows, pick)?.id;
      return (
        id && world.ask({ token: world.admin as string }, END, { id, ...(flag && { key: `end-${id}` }) })
      );
    },
  },
  "redeem a code": { weight: 4, run: redeem },
  "redeem a code in two tabs": {
    weight: 2,
    run: (world, learner, choice) =>
      Promise.all([redeem(world, learner, choice), redeem(world, learner, choice)]),
  },
  "subscribe with a code": { weight: 4, run: subscribeWith },
  "buy something with a code": {
    weight: 4,
    async run(world, learner, choice) {
      const answer = await buy(world, learner, choice, {
        promotionCode: await typed(world, choice, KINDS.slice(2)),
      });
      if (answer?.data?.createPurchase.checkoutUrl && choice.pick % 3 > 0) {
        const session = await openSession(world, learner, choice);
        if (session?.mode === "payment")
          await world.control(`checkout/sessions/${session.id}/complete`, { payment_method: "pm_card_visa" });
      }
      return answer;
    },
  },
};

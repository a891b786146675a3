import type Stripe from "stripe";
import type { Learner, World } from "../world.ts";
import { chargesOf } from "./at-stripe.ts";
import { type Choice, choose, ifFound, type Operations } from "./operation.ts";

const REFUND = "mutation ($input: RefundPaymentInput!) { refundPayment(input: $input) { id status } }";

/** Finds one of a learner's charges that are so. */
const chargeThat =
  (isSo: (charge: Stripe.Charge) => boolean) =>
  async (world: World, learner: Learner, { pick }: Choice) =>
    choose((await chargesOf(world, learner)).filter(isSo), pick);

async function latestRefund(world: World, learner: Learner, choice: Choice) {
  const charge = await chargeThat(() => true)(world, learner, choice);
  return charge && (await world.stripe.refunds.list({ charge: charge.id })).data[0];
}

async function anyDispute(world: World, learner: Learner, { pick }: Choice) {
  const mine = (await chargesOf(world, learner)).filter(({ disputed }) => disputed).map(({ id }) => id);
  const { data } = await world.stripe.disputes.list({ limit: 100 });
  return choose(
    data.filter(({ charge }) => mine.includes(String(charge))),
    pick,
  );
}

/** Money that goes back: refunds that somebody makes at Stripe, and what banks do. */
export const MONEY_BACK_OPERATIONS: Operations = {
  "money is refunded": {
    weight: 4,
    run: ifFound(
      chargeThat(({ paid, refunded }) => paid && !refunded),
      (world, { id: charge }, { pick, flag }) =>
        world.stripe.refunds.create({ charge, ...(flag && { amount: 1 + (pick % 1_000) }) }),
    ),
  },
  "an admin refunds": {
    weight: 3,
    async run(world, learner, { pick, flag }) {
      const paid = await world.rows<{ id: string }>(
        "select id from payments where user_id = $1 order by id",
        [learner.id],
      );
      const paymentId = choose(paid, pick)?.id;
      const access = choose([undefined, undefined, "KEEP", "REVOKE"], pick);
      const input = { paymentId, access, ...(flag && { amount: 1 + (pick % 2_000) }) };
      return paymentId && world.ask({ token: world.admin as string }, REFUND, { input });
    },
  },
  "a refund ends": {
    weight: 2,
    run: ifFound(latestRefund, (world, { id }, { flag }) =>
      world.control(`refunds/${id}`, { status: flag ? "failed" : "succeeded" }),
    ),
  },
  "a payment is disputed": {
    weight: 3,
    run: ifFound(
      chargeThat(({ paid, disputed }) => paid && !disputed),
      (world, { id }, { pick, flag }) =>
        world.control(`charges/${id}/dispute`, { inquiry: flag && pick % 2 === 0 }),
    ),
  },
  "a dispute is decided": {
    weight: 2,
    run: ifFound(anyDispute, (world, { id }, { flag }) =>
      world.control(`disputes/${id}/close`, { outcome: flag ? "won" : "lost" }),
    ),
  },
};

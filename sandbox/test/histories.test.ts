import fc from "fast-check";
import Stripe from "stripe";
import { disagreements, readLedger } from "./support/ledger.ts";
import { testSandbox } from "./support/sandbox.ts";
import { CARDS, type Scene, type Step, VERBS } from "./support/verbs.ts";

// Whatever is done, in whatever order, and refused or not: charges, refunds, credit and invoices agree.

// The same histories in every run of the suite; a search of any length is
// HISTORIES_RUNS=5000 HISTORIES_SEED=$RANDOM npm test -- --no-check sandbox/test/histories
const RUNS = Number(process.env.HISTORIES_RUNS ?? 70);
const SEED = Number(process.env.HISTORIES_SEED ?? 17);

const VERB_NAMES = Object.keys(VERBS) as (keyof typeof VERBS)[];

/** What others need to have been done before, and what seldom finds what it needs. */
const OFTEN = [
  ...(["wait", "wait", "subscribe", "subscribe", "subscribe", "stop", "schedule", "creditNote"] as const),
  ...([
    "schedule",
    "reschedule",
    "reschedule",
    "voidNote",
    "closeDispute",
    "authenticate",
    "pay",
    "repriceIntent",
  ] as const),
];

const step: fc.Arbitrary<Step> = fc.record({
  verb: fc.constantFrom(...VERB_NAMES, ...OFTEN),
  pick: fc.nat(1_000),
  amount: fc.nat(10_000),
  flag: fc.boolean(),
});

/** What the sandbox has logged: work that was due and failed. */
const failed: string[] = [];

async function scene(): Promise<Scene> {
  const box = await testSandbox({ log: (line) => void (line.includes("due work") && failed.push(line)) });
  const { stripe } = box;
  const product = (await stripe.products.create({ name: "Premium" })).id;
  const price = async (unit_amount: number, interval: "month" | "year") =>
    (await stripe.prices.create({ product, currency: "usd", unit_amount, recurring: { interval } })).id;
  const prices = [await price(3_900, "month"), await price(9_900, "month"), await price(34_800, "year")];
  const coupon = (await stripe.coupons.create({ percent_off: 33.33, duration: "forever" })).id;
  const customer = (await stripe.customers.create({ email: "ada@example.com" })).id;
  return { box, stripe, customer, prices, coupon };
}

/** Every history begins with a subscription that is paid for: most of what follows needs one. */
const FIRST: Step = { verb: "subscribe", pick: CARDS.length, amount: 0, flag: true };

/** How often each verb went through: one that never does proves nothing. */
const done = new Map<string, number>();

/** Does a step; what Stripe refuses changes nothing, but the sandbox may never fail. */
async function take(at: Scene, now: Step): Promise<void> {
  try {
    if (await VERBS[now.verb](at, now)) done.set(now.verb, (done.get(now.verb) ?? 0) + 1);
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError)) throw error;
    if (error.statusCode === undefined || error.statusCode >= 500) throw error;
  }
}

test("money is conserved, whatever is done", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30, size: "max" }), async (steps) => {
      const at = await scene();
      for (const now of [FIRST, ...steps]) await take(at, now);
      const found = [...disagreements(await readLedger(at.stripe)), ...failed.splice(0)];
      await at.box.close();
      expect(found).toEqual([]);
    }),
    { numRuns: RUNS, seed: SEED },
  );
  expect([...done.keys()].sort()).toEqual([...VERB_NAMES].sort());
}, 600_000);

import { METHODS } from "../../support/methods.ts";
import type { Learner, World } from "../world.ts";
import { CARDS } from "./at-stripe.ts";
import { type Choice, choose, type Operations } from "./operation.ts";

const ADD = `mutation ($input: AddPaymentMethodInput!) { addPaymentMethod(input: $input) { id isDefault } }`;
const SET_DEFAULT = "mutation ($id: ID!) { setDefaultPaymentMethod(id: $id) { id isDefault } }";
const REMOVE = "mutation ($id: ID!, $key: String) { removePaymentMethod(id: $id, idempotencyKey: $key) }";
const SETUP = "mutation ($key: String) { createSetupIntent(idempotencyKey: $key) { clientSecret } }";
const PORTAL = `mutation ($key: String) {
  createBillingPortalSession(returnUrl: "https://learn.example.com/account", idempotencyKey: $key) { url }
}`;

/** One of the methods that the learner is shown. */
export async function shownMethod(
  world: World,
  learner: Learner,
  { pick }: Choice,
): Promise<string | undefined> {
  const answer = await world.ask(learner, METHODS);
  return choose<{ id: string }>(answer?.data?.paymentMethods ?? [], pick)?.id;
}

/** A card that Stripe.js made, or one that is refused when it is stored. */
async function newCard(world: World, { pick }: Choice): Promise<string> {
  if (pick % 11 === 10) return "pm_card_visa_chargeDeclined";
  const token = (choose(CARDS, pick) as string).replace(/^pm_card/, "tok");
  return (await world.stripe.paymentMethods.create({ type: "card", card: { token } })).id;
}

/** What a learner does with how they pay, in the service. */
export const METHOD_OPERATIONS: Operations = {
  "add a card": {
    weight: 5,
    async run(world, learner, choice) {
      const input = { stripePaymentMethodId: await newCard(world, choice), setDefault: choice.flag };
      return world.ask(learner, ADD, { input });
    },
  },
  "add a card in two tabs": {
    weight: 2,
    async run(world, learner, choice) {
      const input = { stripePaymentMethodId: await newCard(world, choice) };
      return Promise.all([
        world.ask(learner, ADD, { input }),
        world.ask(learner, ADD, { input: { ...input, setDefault: choice.flag } }),
      ]);
    },
  },
  "make a card the default": {
    weight: 3,
    async run(world, learner, choice) {
      const id = await shownMethod(world, learner, choice);
      return id && world.ask(learner, SET_DEFAULT, { id });
    },
  },
  "make two cards the default at once": {
    weight: 2,
    async run(world, learner, { pick, flag }) {
      const ids = await Promise.all(
        [pick, pick + 1].map((at) => shownMethod(world, learner, { pick: at, flag })),
      );
      return Promise.all(ids.map((id) => id && world.ask(learner, SET_DEFAULT, { id })));
    },
  },
  "remove a card": {
    weight: 3,
    async run(world, learner, choice) {
      const id = await shownMethod(world, learner, choice);
      return (
        id && world.ask(learner, REMOVE, { id, ...(choice.flag && { key: `remove-${choice.pick % 3}` }) })
      );
    },
  },
  "begin to store a card": {
    weight: 1,
    run: (world, learner, { pick, flag }) =>
      world.ask(learner, SETUP, flag ? { key: `setup-${pick % 2}` } : {}),
  },
  "open the portal": {
    weight: 1,
    run: (world, learner, { pick, flag }) =>
      world.ask(learner, PORTAL, flag ? { key: `portal-${pick % 2}` } : {}),
  },
};

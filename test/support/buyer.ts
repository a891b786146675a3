import { addCard } from "./methods.ts";
import { type Answer, eventually, newUser, type TestService } from "./service.ts";
import { stripeOf } from "./stripe.ts";

const FIELDS = `id status resourceType resourceId amount { amount currency } credited { amount } discounted { amount } purchasedAt createdAt
  payment { id status amount { amount } purchase { id } invoice { id number status total { amount } } }`;
const CREATE = `mutation ($input: CreatePurchaseInput!) {
  createPurchase(input: $input) { purchase { ${FIELDS} } checkoutUrl clientSecret }
}`;
const URLS = {
  successUrl: "https://learn.example.com/bought?session={CHECKOUT_SESSION_ID}",
  cancelUrl: "https://learn.example.com/courses",
};

/** What is bought. */
export interface Thing {
  resourceType: "COURSE" | "LEARNING_PATH";
  resourceId: string;
}

/** Somebody who buys courses, as stories tell of them. */
export interface Buyer {
  userId: string;
  token: string;
  ask(query: string, variables?: object): Promise<Answer>;
  /** Stores a card. Returns the id of the method. */
  card(token?: string): Promise<string>;
  /** Buys with a stored method, or a new card. */
  pay(thing: Thing, method?: string, more?: object): Promise<Answer>;
  /** Asks for a page to pay at. */
  page(thing: Thing, more?: object): Promise<Answer>;
  purchase(id: string): Promise<Shown>;
  /** Waits until a purchase stands so. */
  until(id: string, status: string): Promise<Shown>;
  may(thing: Thing): Promise<boolean>;
  /** Waits until it is open, or is not. */
  untilMay(thing: Thing, granted: boolean): Promise<void>;
}

/** What {@link Buyer.purchase} shows. */
// biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
export type Shown = any;

let courses = 0;
/** A course that nobody has heard of yet. */
export const newCourse = (): Thing => ({ resourceType: "COURSE", resourceId: `course-${++courses}` });

/** Puts something on sale, as another service of the platform would. */
export async function putOnSale(service: TestService, thing: Thing, more: object = {}): Promise<Answer> {
  const terms = { title: `All about ${thing.resourceId}`, amount: 4_900, currency: "USD", ...more };
  return service.ask(
    "mutation ($input: UpsertOfferInput!) { upsertOffer(input: $input) { resourceId } }",
    { input: { ...thing, ...terms } },
    await service.token("courses", "service"),
  );
}

/** Somebody new. */
export async function newBuyer(service: TestService): Promise<Buyer> {
  const userId = newUser();
  const token = await service.token(userId);
  const ask = (query: string, variables: object = {}) => service.ask(query, variables, token);
  const card = async (number?: string) => (await addCard(service, token, number)).data.addPaymentMethod.id;
  const purchase = async (id: string) =>
    (await ask(`query ($id: ID!) { purchase(id: $id) { ${FIELDS} } }`, { id })).data.purchase;
  const may = async (thing: Thing) =>
    (
      await ask(
        "query ($resourceType: PurchasableType!, $resourceId: ID!) { accessTo(resourceType: $resourceType, resourceId: $resourceId) { granted } }",
        thing,
      )
    ).data.accessTo.granted;
  return {
    ...{ userId, token, ask, card, purchase, may },
    pay: async (thing, method, more = {}) =>
      ask(CREATE, { input: { ...thing, paymentMethodId: method ?? (await card()), ...more } }),
    page: (thing, more = {}) => ask(CREATE, { input: { ...thing, ...URLS, ...more } }),
    until: (id, status) =>
      eventually(
        () => purchase(id),
        (shown) => shown?.status === status,
      ),
    async untilMay(thing, granted) {
      await eventually(
        () => may(thing),
        (answer) => answer === granted,
      );
    },
  };
}

/** The Checkout session behind a page's address. */
export async function sessionAt(service: TestService, url: string): Promise<string> {
  const all = await stripeOf(service).checkout.sessions.list({ limit: 100 });
  return all.data.find((session) => session.url === url)?.id as string;
}

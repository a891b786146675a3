import { v7 } from "uuid";
import { Promotion } from "../../src/entities/promotion.ts";
import { StripeEvent } from "../../src/entities/stripe-event.ts";
import { putOnSale, sessionAt } from "../support/buyer.ts";
import { planId, subscribe } from "../support/checkout.ts";
import { addCard } from "../support/methods.ts";
import type { TestRouter } from "../support/router.ts";
import { newUser, type TestService } from "../support/service.ts";
import { COURSE, giveBelongings, PATH, quoted } from "./belongings.ts";
import type { CallerName } from "./outcomes.ts";

/** Who asks, and what for. */
export interface World {
  service: TestService;
  ids: Record<CallerName, string>;
  tokens: Record<CallerName, string | undefined>;
  /** Who is called back. */
  router: TestRouter;
  /** What `$name` stands for in the tables; several are asked for at once. */
  values: Record<string, string | string[]>;
  /** What only the owner and staff may ever be told. */
  private: string[];
}

/** Both users with everything there is, a subscription that runs, and an operator's view of it all. */
export async function createWorld(service: TestService, router: TestRouter): Promise<World> {
  const [owner, other] = [newUser(), newUser()];
  // the service is called like the owner, and is nobody in person all the same
  const ids = { anonymous: "", owner, other, admin: newUser(), service: owner, "bad token": "" };
  const tokens = {
    anonymous: undefined,
    owner: await service.token(owner),
    other: await service.token(other),
    admin: await service.token(ids.admin, "admin"),
    service: await service.token(ids.service, "service"),
    "bad token": "not.a.token",
  };
  await sell(service);
  const bought = await buy(service, tokens.owner);
  const em = service.app.parts.orm.em.fork();
  const theirs = await giveBelongings(em, owner);
  await giveBelongings(em.fork(), other);
  const operators = await keepForOperators(service);
  await give(service, tokens.admin, owner);
  const rows = Object.values({ ...theirs, ...bought })
    .flat()
    .map((id) => JSON.parse(id) as string);
  return {
    ...{ service, ids, tokens, router },
    values: {
      ...{ ...theirs, ...bought, ...operators, user: JSON.stringify(owner), nobody: JSON.stringify(v7()) },
      ...{ course: JSON.stringify(COURSE), path: JSON.stringify(PATH), retired: '"retired"' },
      gift: theirs.UserAccess?.[1] ?? "",
      plan: JSON.stringify(await planId(service, "Enterprise")),
      now: JSON.stringify(service.app.parts.clock.now()),
    },
    private: [...rows, `receipts/${owner}`, `CMH-${owner}`],
  };
}

const URLS = { successUrl: "https://learn.example.com/bought", cancelUrl: "https://learn.example.com/" };

async function sell(service: TestService): Promise<void> {
  for (const resourceId of [COURSE, "paid", "paid-on-page", "on-sale", "on-page"])
    await putOnSale(service, { resourceType: "COURSE", resourceId });
  await putOnSale(service, { resourceType: "COURSE", resourceId: "retired" }, { isActive: false });
  const courses = { courseIds: [COURSE, "paid"] };
  await putOnSale(service, { resourceType: "LEARNING_PATH", resourceId: PATH }, courses);
}

/** A grant with a reason, so that its decision has a cause. */
async function give(service: TestService, admin: string, userId: string): Promise<void> {
  const input = { userId, scope: "COURSE", resourceId: "given", reason: "A prize." };
  await service.ask(
    "mutation ($input: GrantAccessInput!) { grantAccess(input: $input) { id } }",
    { input },
    admin,
  );
}

/** What mutations are tried on: it is at Stripe too. */
async function buy(service: TestService, token: string): Promise<Record<string, string | string[]>> {
  const { id: running, sessionId } = await subscribe(service, token);
  const method = async (card: string) =>
    (await addCard(service, token, card)).data.addPaymentMethod.id as string;
  const [spare, threeDSecure] = [await method("tok_visa"), await method("tok_threeDSecure2Required")];
  const purchase = async (resourceId: string, how: object) => {
    const create = `mutation ($input: CreatePurchaseInput!) {
      createPurchase(input: $input) { purchase { payment { id } } checkoutUrl }
    }`;
    const input = { resourceType: "COURSE", resourceId, ...how };
    return (await service.ask(create, { input }, token)).data.createPurchase;
  };
  const paid = (await purchase("paid", { paymentMethodId: spare })).purchase.payment.id;
  const page = await sessionAt(service, (await purchase("paid-on-page", URLS)).checkoutUrl);
  await service.pay(page);
  // the service is called like the owner, and is nobody in person all the same
  const ids = { running, spare, threeDSecure, paid };
  return {
    ...Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, JSON.stringify(id)])),
    CheckoutSession: [sessionId, page].map((id) => JSON.stringify(id)),
  };
}

async function keepForOperators(service: TestService): Promise<Record<string, string[]>> {
  const em = service.app.parts.orm.em.fork();
  const now = new Date();
  const later = new Date(now.getTime() + 86_400_000);
  const event = Object.assign(new StripeEvent(), {
    ...{ id: "evt_matrix", type: "invoice.paid", aggregate: "invoice", objectId: "in_1", payload: {} },
    ...{ status: "pending", lastError: "no answer", receivedAt: now, storedAt: now, nextTryAt: later },
  });
  const coded = { firstTimeOnly: false, startsAt: now, endsAt: later, maxRedemptions: 9, maxPerUser: 1 };
  const promotions = [
    { code: "MATRIX", scope: "COURSE", resourceId: "promised", days: 30 },
    { code: "MATRIX-1", percentOff: 10, duration: "REPEATING", months: 3, planId: v7(), deactivatedAt: now },
    {
      code: "MATRIX-2",
      amountOffMinor: 1,
      currency: "USD",
      duration: "ONCE",
      itemType: "COURSE",
      itemId: "c",
    },
  ].map((values) =>
    Object.assign(new Promotion(), { ...coded, codeKey: values.code, createdAt: now, ...values }),
  );
  em.persist([event, ...promotions]);
  await em.flush();
  return { WebhookEvent: quoted(event), promotion: quoted(promotions[2] as Promotion) };
}

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import { openBrowser } from "../support/browser.ts";
import { newCourse, putOnSale } from "../support/buyer.ts";
import { CONFIRM, CREATE_CHECKOUT, planId, STATUS } from "../support/checkout.ts";
import { collect, eventually, newUser, startService, type TestService } from "../support/service.ts";

let service: TestService;
let browser: Browser;
let frontend: Server;
let origin: string;

beforeAll(async () => {
  frontend = createServer((request, response) => {
    response.setHeader("content-type", "text/html");
    response.end(`<title>Learn</title><h1>${request.url?.startsWith("/welcome") ? "Welcome" : "Plans"}</h1>`);
  });
  frontend.listen(0, "127.0.0.1");
  await once(frontend, "listening");
  origin = `http://127.0.0.1:${(frontend.address() as AddressInfo).port}`;
  [service, browser] = await Promise.all([startService(), openBrowser()]);
}, 60_000);
afterAll(async () => {
  await browser.close();
  await service.stop();
  frontend.close();
});

async function checkoutPage(token: string) {
  const input = {
    planId: await planId(service),
    successUrl: `${origin}/welcome?session={CHECKOUT_SESSION_ID}`,
    cancelUrl: `${origin}/plans`,
  };
  const { data } = await service.ask(CREATE_CHECKOUT, { input }, token);
  const page = await browser.newPage();
  await page.goto(data.createCheckoutSession.url);
  return { page, sessionId: data.createCheckoutSession.id as string };
}

async function payWith(page: Page, number: string): Promise<void> {
  await page.fill("#card-number", number);
  await page.fill("#card-expiry", "12 / 34");
  await page.fill("#card-cvc", "123");
  await page.click("#pay");
}

test("a learner is declined, pays with another card on the same page, and is in, live", async () => {
  const token = await service.token(newUser());
  const live = collect(
    service.live(token),
    "subscription { subscriptionStatusChanged { status grantsAccess } }",
  );
  await eventually(
    () => live.results.length,
    (count) => count === 1,
  );
  expect(live.results[0]?.data.subscriptionStatusChanged).toBeNull();

  const { page, sessionId } = await checkoutPage(token);
  expect(await page.locator("#product-name").textContent()).toContain("Premium");
  expect(await page.locator("#amount").textContent()).toContain("$39.00");

  await payWith(page, "4000000000000002");
  await page.waitForSelector("#error");
  expect(await page.locator("#error").textContent()).toContain("declined");
  expect((await service.ask(STATUS, {}, token)).data.subscriptionStatus).toBeNull();

  await payWith(page, "4242 4242 4242 4242");
  await page.waitForURL(`${origin}/welcome?session=${sessionId}`);
  expect(await page.locator("h1").textContent()).toBe("Welcome");
  await eventually(
    () => live.results.at(-1)?.data.subscriptionStatusChanged,
    (state) => state?.status === "ACTIVE" && state.grantsAccess,
  );
  const { data } = await service.ask(CONFIRM, { id: sessionId }, token);
  expect(data.confirmCheckout).toMatchObject({ isPaid: true, subscription: { status: "ACTIVE" } });
  await page.close();
});

test("a learner buys a course on its page and is let in, live; when the money goes back, no longer", async () => {
  const token = await service.token(newUser());
  const course = newCourse();
  await putOnSale(service, course, { title: "Deep TypeScript", amount: 4_900 });
  const seen = async () => {
    const query = `query ($refs: [_Any!]!) { _entities(representations: $refs) {
      ... on Course { offer { title price { amount } } viewerAccess { granted } viewerPurchase { status payment { id } } } } }`;
    const refs = [{ __typename: "Course", id: course.resourceId }];
    return (await service.ask(query, { refs }, token)).data._entities[0];
  };
  expect(await seen()).toEqual({
    offer: { title: "Deep TypeScript", price: { amount: 4_900 } },
    ...{ viewerAccess: { granted: false }, viewerPurchase: null },
  });
  const live = collect(service.live(token), "subscription { paymentEvents { type purchase { status } } }");
  const { data } = await service.ask(
    "mutation ($input: CreatePurchaseInput!) { createPurchase(input: $input) { checkoutUrl } }",
    { input: { ...course, successUrl: `${origin}/welcome`, cancelUrl: `${origin}/plans` } },
    token,
  );
  const page = await browser.newPage();
  await page.goto(data.createPurchase.checkoutUrl);
  expect(await page.locator("#product-name").textContent()).toContain("Deep TypeScript");
  expect(await page.locator("#amount").textContent()).toContain("$49.00");
  await payWith(page, "4242 4242 4242 4242");
  await page.waitForURL(`${origin}/welcome`);
  await page.close();
  await eventually(
    () => live.results.map((result) => result.data.paymentEvents),
    (events) =>
      events.some(({ type, purchase }) => type === "PURCHASE_COMPLETED" && purchase.status === "COMPLETED"),
  );
  const bought = await seen();
  expect(bought).toMatchObject({ viewerAccess: { granted: true }, viewerPurchase: { status: "COMPLETED" } });
  await service.ask(
    "mutation ($id: ID!) { refundPayment(input: { paymentId: $id }) { status } }",
    { id: bought.viewerPurchase.payment.id },
    await service.token(newUser(), "admin"),
  );
  expect(await seen()).toMatchObject({
    viewerAccess: { granted: false },
    viewerPurchase: { status: "REFUNDED" },
  });
});

test("a learner who thinks better of it comes back to the plans, and nothing is owed", async () => {
  const token = await service.token(newUser());
  const { page } = await checkoutPage(token);
  await page.click("#cancel");
  await page.waitForURL(`${origin}/plans`);
  expect((await service.ask(STATUS, {}, token)).data.subscriptionStatus).toBeNull();
  await page.close();
});

test("the page asks nobody but the sandbox for anything", async () => {
  const token = await service.token(newUser());
  const asked: string[] = [];
  const page = await browser.newPage();
  page.on("request", (request) => void asked.push(new URL(request.url()).origin));
  const input = {
    planId: await planId(service),
    successUrl: `${origin}/welcome`,
    cancelUrl: `${origin}/plans`,
  };
  const { data } = await service.ask(CREATE_CHECKOUT, { input }, token);
  await page.goto(data.createCheckoutSession.url, { waitUntil: "networkidle" });
  expect([...new Set(asked)]).toEqual([service.sandbox.url]);
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
  await page.close();
});

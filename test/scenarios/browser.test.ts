import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { openBrowser } from "../support/browser.ts";
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

  const pay = async (number: string) => {
    await page.fill("#card-number", number);
    await page.fill("#card-expiry", "12 / 34");
    await page.fill("#card-cvc", "123");
    await page.click("#pay");
  };
  await pay("4000000000000002");
  await page.waitForSelector("#error");
  expect(await page.locator("#error").textContent()).toContain("declined");
  expect((await service.ask(STATUS, {}, token)).data.subscriptionStatus).toBeNull();

  await pay("4242 4242 4242 4242");
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

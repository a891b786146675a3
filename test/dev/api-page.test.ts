import type { Browser, Page } from "playwright-core";
import { apiPage } from "../../dev/api-page.ts";
import { openBrowser } from "../support/browser.ts";
import { newUser, startService, type TestService } from "../support/service.ts";

let browser: Browser;
let service: TestService;
const user = newUser();
beforeAll(async () => {
  const newToken = () => service.token(user);
  service = await startService({ overrides: { apiPage: apiPage({ host: "127.0.0.1", newToken }) } });
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  await service.stop();
});

/** Tries an endpoint as a person would, and returns the page. */
async function tried(page: Page, id: string, fill: Record<string, string> = {}): Promise<string> {
  const operation = page.locator(`.opblock:has([data-path="${id}"])`).first();
  await operation.locator(".opblock-summary").click();
  await operation.getByRole("button", { name: "Try it out" }).click();
  for (const [placeholder, value] of Object.entries(fill))
    await operation.getByPlaceholder(placeholder).fill(value);
  await operation.getByRole("button", { name: "Execute" }).click();
  return operation.locator(".live-responses-table .response .microlight").first().innerText();
}

test("the page shows every endpoint, loads nothing from elsewhere, and answers as the learner whose token it holds", async () => {
  const page = await browser.newPage();
  const foreign: string[] = [];
  const faults: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(service.url) && !request.url().startsWith("data:"))
      foreign.push(request.url());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  await page.goto(`${service.url}/openapi`);
  await page.locator(".opblock").first().waitFor();
  expect(await page.locator(".opblock").count()).toBe(13);
  expect(await tried(page, "/subscriptions/plans")).toContain("Premium");
  expect(await tried(page, "/subscriptions/status/{userId}", { userId: user })).toContain('"tier": "FREE"');
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
  expect([foreign, faults]).toEqual([[], []]);
  await page.close();
}, 60_000);

test("without it the description is there, and the page is not: production has none", async () => {
  const plain = await startService();
  try {
    expect((await fetch(`${plain.url}/openapi.json`)).status).toBe(200);
    expect((await fetch(`${plain.url}/openapi`)).status).toBe(404);
  } finally {
    await plain.stop();
  }
});

// `npm run pictures`: the README's pictures, of a running `npm run dev` in which demo-learner has not paid yet.
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { openBrowser } from "../support/browser.ts";

const USAGE = `Draws the pictures of docs/pictures, of a running \`npm run dev\` whose demo-learner has not subscribed yet
(with DATA_DIR=$(mktemp -d) it is a new one).

  npm run pictures -- [http://localhost:3004]
`;
const FOLDER = join(process.cwd(), "docs/pictures");
const VIEW = { viewport: { width: 1100, height: 560 } };

/** Runs one of the explorer's examples. */
async function run(page: Page, operation: string): Promise<void> {
  await page.click(".graphiql-execute-button");
  await page.getByRole("menuitem", { name: operation, exact: true }).click();
}

const answerHolds = (page: Page, text: string) =>
  page.locator(".graphiql-response", { hasText: text }).waitFor();

async function openExplorer(browser: Browser, serviceUrl: string): Promise<Page> {
  const page = await browser.newPage(VIEW);
  await page.goto(`${serviceUrl}/graphql`);
  await page.locator(".view-line").first().waitFor();
  await page.getByRole("button", { name: /hide editor tools/i }).click(); // where the token stands
  return page;
}

/** The page where demo-learner pays, made by the example for it. */
async function openCheckout(browser: Browser, serviceUrl: string): Promise<Page> {
  const explorer = await openExplorer(browser, serviceUrl);
  const answered = explorer.waitForResponse((response) => response.request().method() === "POST");
  await run(explorer, "StartCheckout");
  const { data, errors } = await (await answered).json();
  if (!data?.createCheckoutSession) throw new Error(errors?.[0]?.message ?? "There was no answer.");
  await explorer.close();
  const page = await browser.newPage({ viewport: { width: 1100, height: 720 } });
  await page.goto(data.createCheckoutSession.url);
  return page;
}

async function drawAll(browser: Browser, serviceUrl: string): Promise<void> {
  const live = await openExplorer(browser, serviceUrl);
  await run(live, "MyStatusLive");
  await answerHolds(live, "null");
  await live.locator(".view-line").first().click();
  await live.keyboard.press("Control+End"); // to the example that runs
  const checkout = await openCheckout(browser, serviceUrl);
  await checkout.fill("#card-number", "4242 4242 4242 4242");
  await checkout.fill("#card-expiry", "12 / 34");
  await checkout.fill("#card-cvc", "123");
  await checkout.screenshot({ path: join(FOLDER, "checkout.png") });
  await checkout.click("#pay");
  await answerHolds(live, "ACTIVE");
  await live.screenshot({ path: join(FOLDER, "live-update.png") });
}

const [serviceUrl = "http://localhost:3004"] = process.argv.slice(2);
if (/^(-h|--help)$/.test(serviceUrl)) {
  process.stdout.write(USAGE);
} else {
  const browser = await openBrowser();
  try {
    await drawAll(browser, serviceUrl);
    console.log(`Drawn: ${FOLDER}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}

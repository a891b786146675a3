import { parseArgs } from "node:util";
import { ConfigError, loadStripeSetupConfig, readEnvironment } from "../src/config.ts";
import { setupStripe } from "../src/stripe/catalogue.ts";

const HELP = `npm run stripe:setup -- --webhook-url https://example.com/webhooks/stripe

Finds or creates at Stripe the products, prices, webhook endpoint and portal configuration that the service
needs, writes the price ids to the plans, and prints what it did. Twice is the same as once.

  --webhook-url URL  where Stripe is to send events
  --help             this text`;

const { values } = parseArgs({ options: { "webhook-url": { type: "string" }, help: { type: "boolean" } } });
if (values.help || !values["webhook-url"]) {
  console.log(HELP);
  process.exit(values.help ? 0 : 2);
}
try {
  await setupStripe(loadStripeSetupConfig(readEnvironment()), {
    webhookUrl: values["webhook-url"],
    log: console.log,
  });
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exit(1);
}

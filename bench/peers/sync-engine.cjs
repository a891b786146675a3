// @supabase/stripe-sync-engine as its README says to use it, behind a bare HTTP server: an event is acknowledged when it
// is applied. Its ESM build makes no tables, so this is the CommonJS one; its migrations want a role named postgres.
const { createServer } = require("node:http");
const { runMigrations, StripeSync } = require("@supabase/stripe-sync-engine");

const { DATABASE_URL, STRIPE_WEBHOOK_SECRET, STRIPE_SECRET_KEY, STRIPE_API_BASE } = process.env;

async function main() {
  await runMigrations({ databaseUrl: DATABASE_URL, schema: "stripe" });
  const sync = new StripeSync({
    poolConfig: { connectionString: DATABASE_URL, max: 10 },
    stripeSecretKey: STRIPE_SECRET_KEY,
    stripeWebhookSecret: STRIPE_WEBHOOK_SECRET,
    backfillRelatedEntities: false,
  });
  // for what it asks Stripe (the lines of a session); it has no setting for that
  const { hostname, port } = new URL(STRIPE_API_BASE);
  Object.assign(sync.stripe._api, { host: hostname, port, protocol: "http" });
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    try {
      await sync.processWebhook(Buffer.concat(chunks), request.headers["stripe-signature"]);
      response.writeHead(200, { "content-type": "application/json" }).end('{"received":true}');
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  server.listen(0, "127.0.0.1", () => console.log(`ready ${server.address().port}`));
}

main();

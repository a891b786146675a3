import type { Dev } from "./start.ts";

/** What a person needs to begin: where everything is, which cards pay, a token, what to run next. */
export function banner(dev: Dev): string {
  const lines = [
    "",
    "CloudMastersHub Payment Service, in development",
    "",
    row("GraphQL", `${dev.url}/graphql`, "open it in a browser for the explorer; ws:// at the same path"),
    row("REST", `${dev.url}/openapi`, "a page to try it; the description: /openapi.json"),
    ...(dev.sandboxUrl
      ? [row("Stripe sandbox", dev.sandboxUrl)]
      : [row("Stripe", dev.config.stripe.apiBase)]),
    row("health", `${dev.url}/health`),
    row("metrics", `${dev.url}/metrics`),
    row("data", dev.dataDir, placeOf(dev)),
    ...(dev.hasMockRedis ? ["", MOCK] : []),
    ...(dev.sandboxUrl ? ["", ...CARDS] : []),
    "",
    "  a token for demo-learner (12 h); others: npm run -s token -- --user ID [--role admin]",
    `  ${dev.token}`,
    "",
    "  next: npm run demo, in a second terminal, walks a learner from the price list to an open course",
    "",
  ];
  return lines.join("\n");
}

const row = (name: string, value: string, note = "") =>
  `  ${name.padEnd(16)}${value}${note ? `   (${note})` : ""}`;

const CARDS = [
  row("test cards", "4242 4242 4242 4242   pays"),
  row("", "4000 0000 0000 0002   is declined"),
  row("", "4000 0027 6000 3184   asks for 3-D Secure"),
];

const MOCK =
  "  No redis-server on PATH: ioredis-mock stands in for Redis. Events and live updates stay within\n" +
  "  this process and are gone when it ends.";

function placeOf({ dataDir, databasePlace }: Dev): string {
  if (!databasePlace || databasePlace.startsWith(dataDir)) return "";
  return `the database in ${databasePlace}`;
}

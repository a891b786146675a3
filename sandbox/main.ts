import { parseArgs } from "node:util";
import { startSandbox } from "./index.ts";
import { FolderInUse } from "./lock.ts";

const HELP = `Usage: npm run sandbox [-- --help]

A local Stripe: API, webhooks, pages, time that can be moved, faults on demand.
Give any sk_test_… key and http://127.0.0.1:12111 as the base URL to a Stripe library, and open
http://127.0.0.1:12111/sandbox in a browser to see what is going on.

Environment:
  SANDBOX_PORT           port to listen on (default 12111; 0 is any free one)
  HOST                   address to bind (default 127.0.0.1: nobody else can reach it)
  ALLOWED_HOSTS          names besides localhost by which its paths under /sandbox may be asked
                         for, separated by commas: that of a container, such as stripe
  DATA_DIR               folder for its journal; without it everything is in memory
  STRIPE_WEBHOOK_SECRET  secret of every webhook endpoint; several, separated by commas,
                         sign each delivery together

It ends with SIGINT or SIGTERM. sandbox/README.md says what it knows of Stripe, and what its own
paths under /sandbox/ do.
`;

/** Says what is wrong in one sentence and ends the process. */
function refuse(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

function portFrom(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    refuse(`SANDBOX_PORT must be a port number, not "${text}".`);
  return port;
}

const listFrom = (text = ""): string[] =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { help: { type: "boolean", short: "h" } } });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const { SANDBOX_PORT = "12111", HOST, ALLOWED_HOSTS, DATA_DIR, STRIPE_WEBHOOK_SECRET } = process.env;
  const port = portFrom(SANDBOX_PORT);
  const sandbox = await startSandbox({
    port,
    webhookSecrets: listFrom(STRIPE_WEBHOOK_SECRET),
    allowedHosts: listFrom(ALLOWED_HOSTS),
    log: (line) => process.stdout.write(`${line}\n`),
    ...(HOST && { host: HOST }),
    ...(DATA_DIR && { dataDir: DATA_DIR }),
  }).catch((error: NodeJS.ErrnoException) =>
    refuse(
      error.code === "EADDRINUSE"
        ? `Port ${port} is already taken: stop what listens there, or set SANDBOX_PORT to another one.`
        : error instanceof FolderInUse
          ? error.message
          : `The sandbox could not start: ${error.message}`,
    ),
  );
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void sandbox.close());
}

await main();

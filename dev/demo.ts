// `npm run demo`: one learner's story against a running `npm run dev`.
import { parseArgs } from "node:util";
import { signToken } from "../src/auth/token.ts";
import { readEnvironment } from "../src/config.ts";
import { runDemo } from "./demo-story.ts";
import { jwtSettings } from "./jwt-settings.ts";

const USAGE = `Walks a new learner from the price list to an open course, a purchase and a refund, against a running \`npm run dev\`.

  npm run demo -- [--service URL] [--sandbox URL] [--user ID]

  --service   where the service is (default http://127.0.0.1:PORT)
  --sandbox   where the Stripe sandbox is (default http://127.0.0.1:SANDBOX_PORT)
  --user      who the learner is (default a new one at each run)
`;

async function main(): Promise<void> {
  const env = readEnvironment();
  const { values } = parseArgs({
    options: {
      service: { type: "string", default: `http://127.0.0.1:${env.PORT || 3004}` },
      sandbox: { type: "string", default: `http://127.0.0.1:${env.SANDBOX_PORT || 12111}` },
      user: { type: "string", default: `learner-${Date.now().toString(36)}` },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  await assertRunning(values.service, "service");
  await assertRunning(values.sandbox, "sandbox");
  const jwt = await jwtSettings(env);
  const token = await signToken(jwt, { sub: values.user, email: `${values.user}@example.com` });
  const staffToken = await signToken(jwt, { sub: "demo-staff", roles: ["admin"] });
  const begun = performance.now();
  console.log(`The story of ${values.user}:\n`);
  await runDemo({
    serviceUrl: values.service,
    sandboxUrl: values.sandbox,
    userId: values.user,
    ...{ token, staffToken },
    print: (line) => console.log(line),
  });
  console.log(`\nFrom the price list to money given back in ${Math.round(performance.now() - begun)} ms.`);
}

async function assertRunning(url: string, what: string): Promise<void> {
  await fetch(url).catch(() => {
    throw new Error(`No ${what} answers at ${url}: start \`npm run dev\` first, in another terminal.`);
  });
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

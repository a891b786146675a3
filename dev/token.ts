// `npm run token`: a JWT alone on one line of standard output, for development.
import { parseArgs } from "node:util";
import { signToken } from "../src/auth/token.ts";
import { readEnvironment } from "../src/config.ts";
import { jwtSettings } from "./jwt-settings.ts";

const USAGE = `Prints a token for the service, signed with JWT_SECRET or, when that is not set, with DATA_DIR's secret.

  npm run -s token -- --user ID [--email E] [--role admin] [--expires 12h]

  --user      whom the token is for: the user's id (needed)
  --email     the user's address
  --role      user (default), admin or service; may be given several times
  --expires   how long it is good for, as in 30s, 15m, 12h, 7d (default 12h)
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      user: { type: "string" },
      email: { type: "string" },
      role: { type: "string", multiple: true },
      expires: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  if (!values.user) throw new Error("--user is missing");
  const claims = {
    sub: values.user,
    ...(values.email && { email: values.email }),
    ...(values.role && { roles: values.role }),
  };
  const token = await signToken(await jwtSettings(readEnvironment()), claims, values.expires);
  process.stdout.write(`${token}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exitCode = 1;
}

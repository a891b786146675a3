// `npm run token`: a JWT alone on one line of standard output, for development.
import { parseArgs } from "node:util";
import { OPAQUE_ID, ROLES } from "../src/auth/caller.ts";
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
  if (!values.user) throw new Error("--user is missing: say whom the token is for");
  if (!OPAQUE_ID.test(values.user)) throw new Error("--user must be an id of 1 to 128 printable characters");
  if (values.role?.some((name) => !isRole(name)))
    throw new Error(`--role must be one of ${ROLES.join(", ")}`);
  const claims = {
    sub: values.user,
    ...(values.email && { email: values.email }),
    ...(values.role && { roles: values.role }),
  };
  const token = await signToken(await jwtSettings(readEnvironment()), claims, values.expires).catch(explain);
  process.stdout.write(`${token}\n`);
}

const isRole = (name: string) => (ROLES as readonly string[]).includes(name);

/** jose's word for a time that it cannot read names neither the option nor what it takes. */
function explain(error: unknown): never {
  if (error instanceof TypeError) throw new Error("--expires must be a time such as 30s, 15m, 12h or 7d");
  throw error;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exitCode = 1;
}

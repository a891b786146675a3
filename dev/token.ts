// `npm run token`: a JWT alone on one line of standard output, for development.
import { parseArgs } from "node:util";
import { signToken } from "../src/auth/token.ts";
import { readEnvironment } from "../src/config.ts";
import { secretsOf } from "./secrets.ts";

const USAGE = `Prints a token for the service, signed with JWT_SECRET (or, when that is not set, with the secret of DATA_DIR).

  npm run -s token -- --user ID [--email E] [--role admin] [--expires 12h]

  --user      whom the token is for: the user's id (needed)
  --email     the user's address
  --role      user (default), admin or service; may be given several times
  --expires   how long it is good for, as in 30s, 15m, 12h, 7d (default 12h)
`;

function readOptions() {
  const { values } = parseArgs({
    options: {
      user: { type: "string" },
      email: { type: "string" },
      role: { type: "string", multiple: true },
      expires: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return undefined;
  if (!values.user) throw new Error("--user is missing");
  return { ...values, user: values.user };
}

/** The service's own settings for tokens, without needing the rest of its configuration. */
async function jwtSettings() {
  const env = readEnvironment();
  if (env.NODE_ENV === "production" && !env.JWT_SECRET) throw new Error("JWT_SECRET is not set");
  return {
    secret: env.JWT_SECRET || (await secretsOf(env.DATA_DIR || ".data")).jwtSecret,
    ...(env.JWT_ISSUER && { issuer: env.JWT_ISSUER }),
    ...(env.JWT_AUDIENCE && { audience: env.JWT_AUDIENCE }),
  };
}

try {
  const options = readOptions();
  if (!options) process.stdout.write(USAGE);
  else {
    const claims = {
      sub: options.user,
      ...(options.email && { email: options.email }),
      ...(options.role && { roles: options.role }),
    };
    process.stdout.write(`${await signToken(await jwtSettings(), claims, options.expires)}\n`);
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exitCode = 1;
}

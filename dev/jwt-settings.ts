import type { Config } from "../src/config.ts";
import { secretsOf } from "./secrets.ts";

/**
 * How tokens are signed here: with JWT_SECRET, or with the secret of DATA_DIR, made when it is not there
 * yet. Needs none of the rest of the configuration.
 * @throws Error in production without JWT_SECRET.
 */
export async function jwtSettings(env: NodeJS.ProcessEnv): Promise<Config["jwt"]> {
  if (env.NODE_ENV === "production" && !env.JWT_SECRET) throw new Error("JWT_SECRET is not set");
  return {
    secret: env.JWT_SECRET || (await secretsOf(env.DATA_DIR || ".data")).jwtSecret,
    ...(env.JWT_ISSUER && { issuer: env.JWT_ISSUER }),
    ...(env.JWT_AUDIENCE && { audience: env.JWT_AUDIENCE }),
  };
}

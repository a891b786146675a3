import { databaseUrl, isBaseUrl, isOrigin, list } from "./config-values.ts";

/** Stripe's own API, the only base allowed in production. */
export const STRIPE_API = "https://api.stripe.com";
const MIN_SECRET_BYTES = 32;

export const NO_DATABASE =
  "DATABASE_URL is not set (nor POSTGRES_HOST, POSTGRES_DB, POSTGRES_USER and POSTGRES_PASSWORD together)";

/** Faults that lie between variables, found whether or not each alone is right. */
export function crossChecks(env: Record<string, string>): string[] {
  const faults: string[] = [];
  const production = (env.NODE_ENV ?? "production") === "production";
  if (!databaseUrl(env)) faults.push(NO_DATABASE);
  if (keyMode(env.STRIPE_SECRET_KEY) && keyMode(env.STRIPE_PUBLISHABLE_KEY)) {
    if (keyMode(env.STRIPE_SECRET_KEY) !== keyMode(env.STRIPE_PUBLISHABLE_KEY))
      faults.push("STRIPE_PUBLISHABLE_KEY is of another mode (test, live) than STRIPE_SECRET_KEY");
  }
  if (!production) return faults;
  if (env.STRIPE_API_BASE && env.STRIPE_API_BASE.replace(/\/$/, "") !== STRIPE_API)
    faults.push(`STRIPE_API_BASE may only be ${STRIPE_API} in production`);
  if (env.JWT_SECRET && Buffer.byteLength(env.JWT_SECRET) < MIN_SECRET_BYTES)
    faults.push(`JWT_SECRET must have at least ${MIN_SECRET_BYTES} bytes in production`);
  if (env.JWT_SECRET_PREVIOUS && Buffer.byteLength(env.JWT_SECRET_PREVIOUS) < MIN_SECRET_BYTES)
    faults.push(`JWT_SECRET_PREVIOUS must have at least ${MIN_SECRET_BYTES} bytes in production`);
  if (env.JWT_SECRET_PREVIOUS && !env.TRIAL_CLAIM_SECRET)
    faults.push(
      "TRIAL_CLAIM_SECRET is not set: while JWT_SECRET is rolled everybody would get another trial",
    );
  if (env.PUBLIC_URL && isBaseUrl(env.PUBLIC_URL) && !env.PUBLIC_URL.startsWith("https://"))
    faults.push("PUBLIC_URL must be an https URL in production");
  if (env.CLOCK && env.CLOCK !== "system") faults.push("CLOCK may only be system in production");
  // CORS_ORIGIN may name http origins of developers' machines; nobody is sent back to those after paying
  if (list(env.RETURN_URL_ORIGINS ?? "").some((origin) => isOrigin(origin) && !origin.startsWith("https://")))
    faults.push("RETURN_URL_ORIGINS may only hold https origins in production");
  return faults;
}

/** `test` or `live`, by a key's own words. */
export const keyMode = (key: string | undefined) => key?.match(/^(?:sk|rk|pk)_(test|live)_/)?.[1];

import { ConfigError, loadConfig } from "../../src/config.ts";

/** The least that production needs. */
export const PRODUCTION = {
  DATABASE_URL: "postgresql://user:secret@db:5432/payments?sslmode=require",
  REDIS_URL: "redis://redis:6379/3",
  STRIPE_SECRET_KEY: "sk_live_abc",
  STRIPE_WEBHOOK_SECRET: "whsec_abc",
  JWT_SECRET: "x".repeat(32),
};
/** The same in development, against Stripe in test mode. */
export const DEVELOPMENT = { ...PRODUCTION, NODE_ENV: "development", STRIPE_SECRET_KEY: "sk_test_abc" };

/** What is wrong with an environment, in words. */
export function faultsOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

import { userInfo } from "node:os";
import { createApp } from "../src/app.ts";
import { ConfigError, loadConfig, readEnvironment } from "../src/config.ts";
import { DomainError } from "../src/errors.ts";
import { createLogger } from "../src/logger.ts";
import { isConnectionFailure, reasonOf } from "../src/outage.ts";
import type { Parts } from "../src/parts.ts";

/** A command was asked for in a way that it does not understand; its help follows. */
export class UsageError extends Error {}

/**
 * Runs a command with the parts of the service, which neither listens nor takes jobs here. Configured as the service
 * is; in development without a database or a Stripe key, with those of the `npm run dev` that runs.
 */
export async function withParts(help: string, work: (parts: Parts) => Promise<void>): Promise<void> {
  try {
    const { env, stop } = await environment();
    const config = loadConfig({ LOG_LEVEL: "warn", ...env });
    // what a command prints may be read by a program
    const logger = createLogger(config.logLevel, process.stderr);
    const app = await createApp({ ...config, worker: "off" }, { logger });
    await work(app.parts).finally(() => app.stop().finally(stop));
  } catch (error) {
    console.error(explain(error, help));
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

function explain(error: unknown, help: string): unknown {
  if (error instanceof UsageError) return `${error.message}\n\n${help}`;
  if (error instanceof ConfigError || error instanceof DomainError) return error.message;
  if (isConnectionFailure(error))
    return `The database cannot be reached (${reasonOf(error)}): is it running?`;
  return error;
}

/** How the audit log names whoever runs the command. */
export const operator = () => `operator:${userInfo().username}`;

/** An ISO date or date and time. @throws UsageError */
export function instantOption(name: string, value: string | undefined): Date | undefined {
  if (value === undefined) return undefined;
  const instant = new Date(value);
  if (!/^\d{4}-\d\d-\d\d/.test(value) || Number.isNaN(instant.getTime()))
    throw new UsageError(`--${name} takes a date or time such as 2026-11-30 or 2026-11-30T12:00:00Z.`);
  return instant;
}

async function environment(): Promise<{ env: NodeJS.ProcessEnv; stop(): Promise<void> }> {
  const env = readEnvironment();
  const isEmbedded = !(env.DATABASE_URL || env.POSTGRES_HOST) || !env.STRIPE_SECRET_KEY;
  if (env.NODE_ENV !== "development" || !isEmbedded) return { env, stop: async () => {} };
  // development only: a production image holds no dev/
  const { commandEnvironment } = await import("../dev/command-environment.ts");
  return commandEnvironment(env);
}

import { createApp } from "./app.ts";
import { ConfigError, loadConfig, readEnvironment } from "./config.ts";
import type { Logger } from "./logger.ts";
import { giveBackMemory } from "./memory.ts";

/** The service as it runs in production: starts, and stops gracefully when told to. */
async function main(): Promise<void> {
  const config = loadConfig(readEnvironment());
  const app = await createApp(config);
  const { logger } = app.parts;
  logUnheeded(logger);
  // loaded where it is wanted, and nowhere else
  const sendTraces = config.traces && (await import("./trace-export.ts")).exportTraces(config.traces, logger);
  if (config.nodeEnv === "production") giveBackMemory();
  await app.start();
  let isStopping = false;
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    setTimeout(
      () => {
        // what has not ended is taken up by others once its lease has run out
        logger.error("the service did not stop in time");
        process.exit(1);
      },
      (config.drainSeconds + config.stopSeconds) * 1_000,
    ).unref();
    await app.stop().catch((error: unknown) => {
      logger.error({ err: error }, "the service did not stop well");
      process.exit(1);
    });
    await sendTraces?.();
    process.exit(0);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

/**
 * A rejected promise that nobody heeds is logged, and the process goes on. By default Node would end it, and with it
 * every live subscription and job of the replica, for what is one piece of work whose answer was lost: nothing is
 * left half-written by that, since what is to be done stands in rows and is taken up again. An exception that nobody
 * catches still ends the process: it may have left anything in the middle.
 */
function logUnheeded(logger: Logger): void {
  process.on("unhandledRejection", (error) =>
    logger.error({ err: error }, "nobody heeded a rejected promise"),
  );
}

main().catch((error: unknown) => {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exit(1);
});

import { createApp } from "./app.ts";
import { ConfigError, loadConfig, readEnvironment } from "./config.ts";

/** The service as it runs in production: starts, and stops gracefully when told to. */
async function main(): Promise<void> {
  const app = await createApp(loadConfig(readEnvironment()));
  await app.start();
  let isStopping = false;
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    await app.stop();
    process.exit(0);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

main().catch((error: unknown) => {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exit(1);
});

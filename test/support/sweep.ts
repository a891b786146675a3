import type { App } from "../../src/app.ts";
import { Sweep } from "../../src/jobs/sweep.ts";
import { createLogger } from "../../src/logger.ts";
import { Outage } from "../../src/outage.ts";

/** The service's own sweep, now instead of in ten seconds. Returns how much it woke. */
export function wakeWhatIsOverdue({ app }: { app: Pick<App, "parts"> }): Promise<number> {
  const { orm, workers } = app.parts;
  const logger = createLogger("silent");
  return new Sweep(orm.em, workers, logger, new Outage("The database", logger)).once();
}

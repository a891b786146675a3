import type { Logger } from "../logger.ts";
import type { AnonymizationService } from "../services/anonymization.service.ts";
import type { Cursors } from "./cursors.ts";
import type { Round } from "./rounds.ts";

export const ANONYMIZATIONS_CURSOR = "anonymizations";
const EVERY_SECONDS = 60;
const LIMIT = 20;

/** Carries on what was begun of making users nobody and was cut off, or was refused for now. */
export class Anonymizations implements Round {
  constructor(
    private readonly service: AnonymizationService,
    private readonly cursors: Cursors,
    private readonly logger: Logger,
  ) {}

  begin(): Promise<void> {
    return this.cursors.begin(ANONYMIZATIONS_CURSOR, {}, EVERY_SECONDS);
  }

  async run(isWantedNow = false): Promise<void> {
    const lease = await this.cursors.lease<object>(ANONYMIZATIONS_CURSOR, isWantedNow);
    if (!lease) return;
    try {
      for (const userId of await this.service.unfinished(LIMIT)) await this.carryOn(userId);
    } finally {
      await lease.release({}, EVERY_SECONDS);
    }
  }

  private async carryOn(userId: string): Promise<void> {
    await this.service.carryThrough(userId).catch((error: unknown) => {
      // who it is stays out of the log
      this.logger.warn({ err: error }, "a user could not be anonymised yet; it is tried again");
    });
  }
}

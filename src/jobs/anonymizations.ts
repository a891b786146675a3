import type { EntityManager } from "@mikro-orm/postgresql";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import type { AnonymizationService } from "../services/anonymization.service.ts";
import type { Cursors } from "./cursors.ts";
import type { Round } from "./rounds.ts";

export const ANONYMIZATIONS_CURSOR = "anonymizations";
const EVERY_SECONDS = 60;
/** Each may wait for Stripe and Redis for many seconds; a longer run ends here and goes on at once: jobs are short. */
const SLICE_MS = 45_000;
/** The pause after each try is twice the one before, up to 64 minutes: who cannot be finished lets others come first. */
const DOUBLINGS = 6;

/** Carries on what was begun of making users nobody and was cut off, or was refused for now. */
export class Anonymizations implements Round {
  constructor(
    private readonly em: EntityManager,
    private readonly service: AnonymizationService,
    private readonly cursors: Cursors,
    private readonly parts: { metrics: Metrics; logger: Logger },
  ) {
    this.watch();
  }

  begin(): Promise<void> {
    return this.cursors.begin(ANONYMIZATIONS_CURSOR, {}, EVERY_SECONDS);
  }

  run(isWantedNow = false): Promise<void> {
    return this.cursors.turn(ANONYMIZATIONS_CURSOR, isWantedNow, EVERY_SECONDS, async () => {
      const isOver = this.cursors.slice(SLICE_MS);
      for (let one = await this.takeDue(); one; one = await this.takeDue()) {
        await this.carryOn(one);
        if (isOver()) return true;
      }
      return false;
    });
  }

  /** The one who has been due for longest; it has its next turn only after a pause, whatever becomes of this one. */
  private async takeDue(): Promise<Due | undefined> {
    const [due] = await this.em.fork().execute<Due[]>(
      `update anonymized_users set tries = tries + 1,
         next_try_at = now() + ${EVERY_SECONDS} * power(2, least(tries, ${DOUBLINGS})) * interval '1 second'
       where user_id in (select user_id from anonymized_users
                          where finished_at is null and next_try_at <= now() order by next_try_at limit 1)
       returning user_id as "userId", tries, requested_at as "requestedAt"`,
    );
    return due;
  }

  private async carryOn({ userId, tries, requestedAt }: Due): Promise<void> {
    await this.service.carryThrough(userId).catch((error: unknown) => {
      this.parts.logger.warn(
        { err: error, userId, tries, requestedAt },
        "a user could not be anonymised yet; it is tried again",
      );
    });
  }

  /** How long the one who has waited longest has been waiting, read whenever somebody asks for the metrics. */
  private watch(): void {
    this.parts.metrics.watch(GAUGE, async () => {
      const [row] = await this.em.fork().execute<{ age: number }[]>(OLDEST);
      return [{ value: row?.age ?? 0 }];
    });
  }
}

interface Due {
  userId: string;
  tries: number;
  requestedAt: Date;
}

const GAUGE = {
  name: "anonymizations_oldest_unfinished_seconds",
  help: "Age of the oldest request to anonymise a user that has not come to its end",
};

const OLDEST = `
  select extract(epoch from now() - min(requested_at))::float8 as age from anonymized_users where finished_at is null`;

import type { EntityManager } from "@mikro-orm/postgresql";
import type { Clock } from "../clock.ts";
import { Intent } from "../entities/intent.ts";
import { Payment } from "../entities/payment.ts";
import { Purchase } from "../entities/purchase.ts";
import type { Logger } from "../logger.ts";
import type { PurchaseOpening } from "../services/purchase-opening.ts";
import type { Cursors } from "./cursors.ts";
import type { Round } from "./rounds.ts";

export const DEADLINES_CURSOR = "purchase-deadlines";
const EVERY_SECONDS = 60;
const LIMIT = 100;
/** One that cannot be given up just now (a bank works on it) lets others come first. */
const AGAIN_MS = 3_600_000;

/** Gives up orders that nobody has paid in time: their page is closed or their invoice void, and the slot is free. */
export class PurchaseDeadlines implements Round {
  constructor(
    private readonly em: EntityManager,
    private readonly opening: PurchaseOpening,
    private readonly cursors: Cursors,
    private readonly parts: { clock: Clock; logger: Logger },
  ) {}

  begin(): Promise<void> {
    return this.cursors.begin(DEADLINES_CURSOR, {}, EVERY_SECONDS);
  }

  run(isWantedNow = false): Promise<void> {
    return this.cursors.turn(DEADLINES_CURSOR, isWantedNow, EVERY_SECONDS, async () => {
      const due = await this.due();
      for (const purchase of due) await this.giveUp(purchase);
      return due.length === LIMIT;
    });
  }

  private due(): Promise<Purchase[]> {
    const overdue = { status: "PENDING" as const, payBefore: { $lte: this.parts.clock.now() } };
    return this.em.fork().find(Purchase, overdue, { orderBy: { payBefore: "asc" }, limit: LIMIT });
  }

  private async giveUp(purchase: Purchase): Promise<void> {
    const { id, intentId } = purchase;
    const em = this.em.fork();
    const again = new Date(this.parts.clock.now().getTime() + AGAIN_MS);
    await em.nativeUpdate(Purchase, { id, status: "PENDING" }, { payBefore: again });
    // a bank takes days, and then says
    if ((await em.count(Payment, { purchaseId: id, status: "PROCESSING" })) > 0) return;
    try {
      await this.opening.giveUp(purchase, intentId ? await em.findOne(Intent, { id: intentId }) : null);
    } catch (error) {
      this.parts.logger.warn(
        { err: error, purchaseId: id },
        "an order could not be given up; it is tried again",
      );
    }
  }
}

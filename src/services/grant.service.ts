import type { EntityManager } from "@mikro-orm/postgresql";
import { validate as isUuid, v7 } from "uuid";
import type { Caller } from "../auth/caller.ts";
import type { Clock } from "../clock.ts";
import { Payment } from "../entities/payment.ts";
import { Purchase } from "../entities/purchase.ts";
import { UserAccess } from "../entities/user-access.ts";
import { BadUserInput, Conflict, NotFound } from "../errors.ts";
import type { GrantAccessInput } from "../resolvers/inputs/access.inputs.ts";
import { followPurchase } from "../sync/purchase.ts";
import type { Road } from "../sync/road.ts";
import type { Write } from "../sync/write.ts";
import type { IdempotencyService } from "./idempotency.service.ts";

/** Access that staff give and take: promotional, or to help somebody. */
export class GrantService {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: Clock,
    private readonly road: Road,
    private readonly idempotency: IdempotencyService,
  ) {}

  /** @throws Forbidden, BadUserInput for a scope without its resource, or an end that has passed */
  grant(caller: Caller, input: GrantAccessInput): Promise<UserAccess> {
    caller.assertStaff();
    return this.idempotency.run({
      ...{ caller, key: input.idempotencyKey, operation: "grantAccess", input },
      work: async (keep) => {
        this.assertSensible(input);
        const { userId, scope, resourceId = null, expiresAt = null, reason } = input;
        const by = { actor: caller.actor, reason };
        return this.road.write(userId, null, async (write) => {
          const startsAt = write.now;
          const grant = { source: "GIFT", sourceId: v7(), scope, resourceId, startsAt, expiresAt } as const;
          return keep(write.tx, write.access.give(write.by(by), grant).id);
        });
      },
      read: (id) => this.em.fork().findOneOrFail(UserAccess, { id }),
    });
  }

  /** Ends a grant now; one that has ended stays as it is. @throws Forbidden, NotFound, Conflict for what something paid for gives */
  revoke(caller: Caller, id: string, reason: string | null, key: string | null): Promise<UserAccess> {
    caller.assertStaff();
    return this.idempotency.run({
      ...{ caller, key, operation: "revokeAccess", input: { id, reason } },
      work: async (keep) => {
        const { userId } = await this.find(this.em.fork(), id);
        // it ends something, so it may be while the user is being anonymised
        return this.road.follow(userId, null, async (write) => {
          const grant = await this.find(write.tx, id);
          const by = write.by({ actor: caller.actor, reason });
          if (grant.source === "GIFT" || grant.source === "PROMOTION") write.access.end(by, grant);
          else await withdraw(by, grant);
          return keep(write.tx, grant.id);
        });
      },
      read: (reference) => this.find(this.em.fork(), reference),
    });
  }

  private assertSensible({ scope, resourceId, expiresAt }: GrantAccessInput): void {
    if ((scope === "PLATFORM") !== (resourceId == null))
      throw new BadUserInput(
        "input.resourceId",
        scope === "PLATFORM" ? "The platform is no course and no path: leave this out." : "Which one?",
      );
    if (expiresAt && expiresAt <= this.clock.now())
      throw new BadUserInput("input.expiresAt", "This moment has passed.");
  }

  private async find(em: EntityManager, id: string): Promise<UserAccess> {
    const grant = isUuid(id) ? await em.findOne(UserAccess, { id }) : null;
    if (!grant) throw new NotFound("grant");
    return grant;
  }
}

/** What was bought and cost nothing has no money to give back. @throws Conflict for what something paid for gives */
async function withdraw(write: Write, { source, sourceId }: UserAccess): Promise<void> {
  const { tx, userId, now } = write;
  const purchase = source === "PURCHASE" ? await tx.findOne(Purchase, { id: sourceId, userId }) : null;
  const payments = purchase ? await tx.find(Payment, { purchaseId: purchase.id }) : [];
  if (!purchase || payments.some((payment) => payment.hasSucceeded))
    throw new Conflict("This access follows from what was paid for: cancel or refund that instead.");
  if (purchase.withdrawnAt) return;
  Object.assign(purchase, { withdrawnAt: now, version: purchase.version + 1 });
  await followPurchase(write, purchase.id);
}

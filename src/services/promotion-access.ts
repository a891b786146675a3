import type { PromotionAccess } from "../entities/promotion.ts";
import { Subscription } from "../entities/subscription.ts";
import { UserAccess } from "../entities/user-access.ts";
import { PromotionNotApplicable } from "../errors.ts";
import type { Write } from "../sync/write.ts";
import type { AccessSource } from "../types/enums.ts";

const DAY_MS = 86_400_000;
const HAS_IT = "You have this already, for as long or longer. The code has not been used: keep it for later.";
const RENEWS =
  "Your subscription opens this as long as it renews. The code has not been used: keep it for later.";

/**
 * From when until when a code opens what it is for: a second month begins when the first one ends, whatever gave that.
 * @throws PromotionNotApplicable when the user has it for as long or longer: a code is not wasted
 */
export async function accessPeriod(
  write: Write,
  { scope, resourceId, days }: PromotionAccess,
  field: string,
): Promise<{ startsAt: Date; expiresAt: Date | null }> {
  const { tx, userId, now } = write;
  const same = await tx.find(UserAccess, { userId, scope, resourceId, revokedAt: null });
  if (same.some(({ expiresAt }) => !expiresAt)) throw new PromotionNotApplicable(field, HAS_IT);
  if (days === null) return { startsAt: now, expiresAt: null };
  const lasting = same.map(({ expiresAt }) => Number(expiresAt));
  const startsAt = new Date(Math.max(now.getTime(), ...lasting));
  const expiresAt = new Date(startsAt.getTime() + days * DAY_MS);
  const has = await widestNow(write, { scope, resourceId, days }, same);
  if (has?.expiresAt === null || (has && has.expiresAt >= expiresAt))
    throw new PromotionNotApplicable(field, HAS_IT);
  if (has && isOfSubscription(has.source) && (await renews(write)))
    throw new PromotionNotApplicable(field, RENEWS);
  return { startsAt, expiresAt };
}

/** What opens it now, and for how long: for a course also the platform, or a path. */
async function widestNow(
  { access, tx, userId, now }: Write,
  { scope, resourceId }: PromotionAccess,
  same: UserAccess[],
): Promise<{ source: AccessSource; expiresAt: Date | null } | null> {
  if (scope === "PLATFORM" || resourceId === null) {
    const active = same.filter((grant) => grant.isActiveAt(now));
    const ofSubscription = active.find(({ source }) => isOfSubscription(source));
    const found = ofSubscription ?? active[0];
    return found ? { source: found.source, expiresAt: found.expiresAt ?? null } : null;
  }
  const [decision] = await access.decide([{ userId, resourceType: scope, resourceId }], tx);
  return decision?.source ? { source: decision.source, expiresAt: decision.expiresAt } : null;
}

const isOfSubscription = (source: AccessSource) => source === "SUBSCRIPTION" || source === "TRIAL";

async function renews({ tx, userId }: Write): Promise<boolean> {
  const subscriptions = await tx.find(Subscription, { userId });
  return subscriptions.some(({ isLive, isCancelScheduled }) => isLive && !isCancelScheduled);
}

import { type EntityManager, LockMode } from "@mikro-orm/postgresql";
import { codeKeyOf, Promotion } from "../entities/promotion.ts";
import { BadUserInput, PromotionExpired } from "../errors.ts";

/** The one answer to a code that is misspelt, was never made, has not begun, or was deactivated. */
export const unknownCode = (field: string) =>
  new BadUserInput(field, "This code cannot be used. Check how it is written.");

/** A code as somebody typed it, and the input field it stood in. */
export interface TypedCode {
  code: string;
  field: string;
}

/**
 * The promotion that is in use under a code now; null when it is none of ours. Within a transaction and `locked`, it
 * stays so until that ends. @throws PromotionExpired
 */
export async function promotionInUse(
  em: EntityManager,
  { code, field }: TypedCode,
  now: Date,
  locked = false,
): Promise<Promotion | null> {
  const found = await em.findOne(
    Promotion,
    { codeKey: codeKeyOf(code), deactivatedAt: null },
    locked ? { lockMode: LockMode.PESSIMISTIC_WRITE } : {},
  );
  if (found?.endsAt && found.endsAt <= now) throw new PromotionExpired(field);
  return found && found.startsAt <= now ? found : null;
}

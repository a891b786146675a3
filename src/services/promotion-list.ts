import type { EntityManager } from "@mikro-orm/postgresql";
import { codeKeyOf, Promotion } from "../entities/promotion.ts";
import type { Connection } from "../types/connection.ts";
import { assertPageSize, connectionWith, cursorOf, placeOf } from "./pages.ts";

/** Which promotions, and which page of them. */
export interface PromotionPage {
  /** Those that were deactivated, or those that were not; null: all. */
  isDeactivated: boolean | null;
  code: string | null;
  first: number;
  after: string | null;
}

/** Newest first; two statements. @throws BadUserInput for `first` outside 1 to 100 or a cursor that is not ours */
export async function listPromotions(
  em: EntityManager,
  { isDeactivated, code, first, after }: PromotionPage,
): Promise<Connection<Promotion>> {
  assertPageSize(first);
  const place = after === null ? null : placeOf(after);
  const chosen = {
    ...(isDeactivated !== null && { deactivatedAt: isDeactivated ? { $ne: null } : null }),
    ...(code !== null && { codeKey: codeKeyOf(code) }),
  };
  const beyond = place && {
    $or: [{ createdAt: { $lt: place.at } }, { createdAt: place.at, id: { $lt: place.id } }],
  };
  const [rows, totalCount] = await Promise.all([
    em
      .fork()
      .find(
        Promotion,
        { ...chosen, ...beyond },
        { orderBy: { createdAt: "desc", id: "desc" }, limit: first + 1 },
      ),
    em.fork().count(Promotion, chosen),
  ]);
  const edges = rows.map((node) => ({ node, cursor: cursorOf(node) }));
  return connectionWith(edges, { first, isFirst: place === null, totalCount });
}

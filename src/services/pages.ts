import type { EntityManager, EntityName, FilterQuery } from "@mikro-orm/postgresql";
import { validate as isUuid } from "uuid";
import { BadUserInput } from "../errors.ts";
import type { Connection, Edge } from "../types/connection.ts";

export const MAX_PAGE = 100;

/** A row that lists are ordered by: by creation, then by id, both newest first. */
interface Listed {
  id: string;
  createdAt: Date;
}

/** Which page of whose rows. */
export interface PageRequest {
  userId: string;
  first: number;
  after?: string | null;
}

/**
 * One page of a user's rows, newest first. Cursors name a place in the order, so a page stays right while rows
 * are added. @throws BadUserInput for `first` outside 1 to 100 or a cursor that is not ours
 */
export async function pageOf<T extends Listed>(
  em: EntityManager,
  entity: EntityName<T>,
  column: "stripeCreatedAt" | "createdAt",
  { userId, first, after }: PageRequest,
): Promise<Connection<T>> {
  assertPageSize(first);
  const place = after == null ? null : placeOf(after);
  const own = { userId } as unknown as FilterQuery<T>;
  const beyond = place && {
    $or: [{ [column]: { $lt: place.at } }, { [column]: place.at, id: { $lt: place.id } }],
  };
  const [rows, totalCount] = await Promise.all([
    em.find(
      entity,
      { $and: [own, ...(beyond ? [beyond as unknown as FilterQuery<T>] : [])] } as FilterQuery<T>,
      {
        orderBy: { [column]: "desc", id: "desc" } as never,
        limit: first + 1,
      },
    ),
    em.count(entity, own),
  ]);
  const edges = (rows as unknown as T[]).map((node) => ({ node, cursor: cursorOf(node) }));
  return connectionWith(edges, { first, isFirst: place === null, totalCount });
}

/** @throws BadUserInput for `first` outside 1 to 100 */
export function assertPageSize(first: number): void {
  if (first < 1 || first > MAX_PAGE) throw new BadUserInput("first", `Ask for 1 to ${MAX_PAGE} at a time.`);
}

/** A page made of what was found, which is one more than asked for when there is another page. */
export function connectionWith<T>(
  found: Edge<T>[],
  { first, isFirst, totalCount }: { first: number; isFirst: boolean; totalCount: number },
): Connection<T> {
  const edges = found.slice(0, first);
  return {
    nodes: edges.map(({ node }) => node),
    edges,
    totalCount,
    pageInfo: {
      hasNextPage: found.length > first,
      hasPreviousPage: !isFirst,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

/** The place of a row in its list. */
export function cursorOf(row: Listed): string {
  return Buffer.from(`${row.createdAt.toISOString()}|${row.id}`).toString("base64url");
}

/** @throws BadUserInput for a cursor that is not ours */
export function placeOf(cursor: string): { at: Date; id: string } {
  const [at = "", id = ""] = Buffer.from(cursor, "base64url").toString().split("|");
  if (Number.isNaN(Date.parse(at)) || !isUuid(id))
    throw new BadUserInput("after", "This is not a cursor of this list.");
  return { at: new Date(at), id };
}

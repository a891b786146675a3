import type { EntityClass, EntityManager } from "@mikro-orm/postgresql";
import { validate as isUuid } from "uuid";
import { BadUserInput } from "../errors.ts";
import type { Connection, Edge } from "../types/connection.ts";

export const MAX_PAGE = 100;

/** A row that lists are ordered by: by creation, then by id, both newest first. */
interface Listed {
  id: string;
  createdAt: Date;
}

/** Which page of whose rows, as a client asks for it. Without filters: of all of them. */
export interface PageRequest {
  userId: string;
  first: number;
  after?: string | null;
  statuses?: readonly string[] | null;
  createdFrom?: Date | null;
  createdBefore?: Date | null;
}

/** A page that can be read; instants are seconds since 1970. */
export interface Page {
  userId: string;
  first: number;
  afterAt: number | null;
  afterId: string | null;
  statuses: readonly string[] | null;
  from: number | null;
  before: number | null;
}

/**
 * What a client asks for, checked.
 * @throws BadUserInput for `first` outside 1 to 100, a cursor that is not ours, or dates that hold nothing between them
 */
export function pageAsked({ userId, first, after, statuses, ...created }: PageRequest): Page {
  assertPageSize(first);
  const place = after == null ? null : placeOf(after);
  const { createdFrom: from, createdBefore: before } = created;
  if (from && before && from >= before)
    throw new BadUserInput("createdBefore", "createdBefore must be later than createdFrom.");
  return {
    ...{ userId, first, statuses: statuses ?? null },
    ...{ afterAt: secondsOf(place?.at), afterId: place?.id ?? null },
    ...{ from: secondsOf(from), before: secondsOf(before) },
  };
}

const secondsOf = (instant: Date | null | undefined) => (instant ? instant.getTime() / 1000 : null);

/**
 * Pages of users' rows, newest first, in one statement for any number of them, answered in their order. Cursors name a
 * place in the order, so a page stays right while rows are added.
 */
export async function pagesOf<T extends Listed>(
  em: EntityManager,
  entity: EntityClass<T>,
  column: "stripe_created_at" | "created_at",
  pages: readonly Page[],
): Promise<Connection<T>[]> {
  const { tableName } = em.getMetadata().get(entity);
  const rows = await em.execute<(Record<string, unknown> & { asked: number; total: string })[]>(
    pagesIn(tableName, column),
    [JSON.stringify(pages.map((page, asked) => ({ asked, ...page })))],
  );
  const found = pages.map(() => ({ edges: [] as Edge<T>[], totalCount: 0 }));
  for (const { asked, total, ...columns } of rows) {
    const page = found[asked] as (typeof found)[number];
    page.totalCount = Number(total);
    if (columns.id === null) continue;
    const node = em.map(entity, columns as never);
    page.edges.push({ node, cursor: cursorOf(node) });
  }
  return found.map(({ edges, totalCount }, asked) => {
    const { first, afterId } = pages[asked] as Page;
    return connectionWith(edges, { first, isFirst: afterId === null, totalCount });
  });
}

/** Each page is a walk along the index of the user's rows by creation; one row more than asked for tells of a next page. */
function pagesIn(table: string, created: string): string {
  const own = `listed.user_id = asked."userId"
       and (asked.statuses is null or listed.status = any(asked.statuses))
       and listed.${created} >= coalesce(to_timestamp(asked."from"), '-infinity')
       and listed.${created} < coalesce(to_timestamp(asked."before"), 'infinity')`;
  return `
  select asked.asked, counted.total, page.*
    from jsonb_to_recordset(?::jsonb) as asked
         (asked int, "userId" text, first int, "afterAt" float8, "afterId" uuid,
          statuses text[], "from" float8, "before" float8)
   cross join lateral (
    select count(*) as total from ${table} listed where ${own}) counted
    left join lateral (
    select listed.* from ${table} listed
     where ${own}
       and (listed.${created}, listed.id) < (coalesce(to_timestamp(asked."afterAt"), 'infinity'),
                                             coalesce(asked."afterId", 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
     order by listed.${created} desc, listed.id desc
     limit asked.first + 1) page on true
   order by asked.asked, page.${created} desc, page.id desc`;
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

/** An instant as cursors hold it: exactly as JavaScript writes those of the years that have four digits. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** @throws BadUserInput for a cursor that is not ours */
export function placeOf(cursor: string): { at: Date; id: string } {
  const [at = "", id = "", ...rest] = Buffer.from(cursor, "base64url").toString().split("|");
  if (!INSTANT.test(at) || Number.isNaN(Date.parse(at)) || !isUuid(id) || rest.length > 0)
    throw new BadUserInput("after", "This is not a cursor of this list.");
  return { at: new Date(at), id };
}

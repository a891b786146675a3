import type { EntityManager } from "@mikro-orm/postgresql";
import { validate as isUuid } from "uuid";
import { DEADLINE, Dispute, WAITS_FOR_EVIDENCE } from "../entities/dispute.ts";
import { BadUserInput } from "../errors.ts";
import type { Connection } from "../types/connection.ts";
import { assertPageSize, connectionWith } from "./pages.ts";

/** Which page of which disputes. */
export interface DisputePage {
  needsResponse: boolean;
  first: number;
  after: string | null;
}

/** What banks take back or ask about, as those who answer them need it. */
export class DisputeService {
  constructor(private readonly em: EntityManager) {}

  /**
   * By deadline, the earliest first; what needs no answer comes last.
   * @throws BadUserInput for `first` outside 1 to 100 or a cursor that is not ours
   */
  async list({ needsResponse, first, after }: DisputePage): Promise<Connection<Dispute>> {
    assertPageSize(first);
    const place = after === null ? null : placeOf(after);
    const chosen = needsResponse ? WAITS_FOR_EVIDENCE : "true";
    const beyond = place ? `and (${DEADLINE}, id) > (?::timestamptz, ?::uuid)` : "";
    const em = this.em.fork();
    const [rows, [count]] = await Promise.all([
      em.execute<(object & { deadline: string })[]>(
        `select *, ${DEADLINE}::text as deadline from disputes where ${chosen} ${beyond}
          order by ${DEADLINE}, id limit ?`,
        [...(place ?? []), first + 1],
      ),
      this.em.fork().execute<{ n: string }[]>(`select count(*) as n from disputes where ${chosen}`),
    ]);
    const edges = rows.map(({ deadline, ...columns }) => {
      const node = em.map(Dispute, columns as never);
      return { node, cursor: Buffer.from(`${deadline}|${node.id}`).toString("base64url") };
    });
    return connectionWith(edges, { first, isFirst: place === null, totalCount: Number(count?.n) });
  }
}

/** An instant as PostgreSQL writes it, or the one after all others. */
const INSTANT = /^(infinity|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d)$/;

function placeOf(cursor: string): [deadline: string, id: string] {
  const [deadline = "", id = "", ...rest] = Buffer.from(cursor, "base64url").toString().split("|");
  const isInstant = deadline === "infinity" || !Number.isNaN(Date.parse(deadline));
  if (!INSTANT.test(deadline) || !isInstant || !isUuid(id) || rest.length > 0)
    throw new BadUserInput("after", "This is not a cursor of this list.");
  return [deadline, id];
}

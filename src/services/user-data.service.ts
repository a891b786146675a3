import type { EntityManager } from "@mikro-orm/postgresql";
import { audit } from "../audit.ts";
import { type Caller, isPseudonym, OPAQUE_ID } from "../auth/caller.ts";
import type { Clock } from "../clock.ts";
import { MAX_EXPORTED_ROWS } from "../document-cost.ts";
import { AnonymizedUser } from "../entities/anonymized-user.ts";
import { BadUserInput, ExportTooLarge, UserAnonymized } from "../errors.ts";
import { lockUser } from "../user-lock.ts";
import { type Told, toldOf, userDataSql } from "./user-data-rows.ts";
import { nameOf, SECTIONS } from "./user-data-sections.ts";

/** Which form of the document it is: a name or a meaning that changes makes it another. */
export const FORMAT = "payment-service/user-data/1";
const PAGE = 500;

/** A row, under the name of its section. */
export interface ExportedRow {
  section: string;
  row: Told;
}

/** All that is kept of a user, given to them: see docs/user-data.md and decision 0027. */
export class UserDataService {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: Clock,
  ) {}

  /**
   * The document, as long as it is not too large for an answer. That an admin has taken somebody else's is in the log first.
   * @throws Forbidden for a service, UserAnonymized, ExportTooLarge
   */
  async document(caller: Caller, userId: string): Promise<object> {
    caller.assertOwnerOrAdmin(userId);
    if (caller.id !== userId) {
      // no row of another user's is to name again who was anonymised and has a token that is still good
      await assertSomebody(this.em.fork(), caller.id);
      await this.note(caller.actor, userId);
    }
    const data: Record<string, Told[]> = Object.fromEntries(SECTIONS.map((one) => [nameOf(one), []]));
    let rows = 0;
    for await (const page of this.pages(userId, MAX_EXPORTED_ROWS + 1)) {
      rows += page.length;
      if (rows > MAX_EXPORTED_ROWS) throw new ExportTooLarge(MAX_EXPORTED_ROWS);
      for (const { section, row } of page) data[section]?.push(row);
    }
    return { format: FORMAT, userId, exportedAt: this.clock.now().toISOString(), data };
  }

  /** Writes down that somebody's data is taken by another. @throws BadUserInput, UserAnonymized */
  async note(actor: string, userId: string): Promise<void> {
    if (!OPAQUE_ID.test(userId))
      throw new BadUserInput("userId", "A user id has 1 to 128 printable characters.");
    if (isPseudonym(userId)) throw new UserAnonymized();
    await this.em.fork().transactional(async (tx) => {
      await lockUser(tx, userId);
      audit(tx, {
        ...{ at: this.clock.now(), actor, userId, action: "exportUserData" },
        ...{ tableName: "customers", rowId: userId },
      });
    });
  }

  /**
   * Everything as it stands at one moment, page by page, however much it is: one transaction that only reads.
   * @param limit no more is read than this
   * @throws UserAnonymized
   */
  async *pages(userId: string, limit?: number): AsyncGenerator<ExportedRow[]> {
    const em = this.em.fork();
    await em.begin({ isolationLevel: "repeatable read", readOnly: true });
    try {
      await assertSomebody(em, userId);
      await em.execute("set local timezone to 'UTC'");
      await em.execute(`declare user_data no scroll cursor for ${userDataSql(limit)}`, [userId]);
      for (let isLast = false; !isLast; ) {
        const rows = await em.execute<{ section: number; line: string }[]>(`fetch ${PAGE} from user_data`);
        isLast = rows.length < PAGE;
        yield rows.map(({ section, line }) => ({
          section: nameOf(SECTIONS[section] as (typeof SECTIONS)[number]),
          row: toldOf(section, line),
        }));
      }
    } finally {
      await em.rollback();
    }
  }
}

/** @throws UserAnonymized for one who is being anonymised, or is nobody any more */
async function assertSomebody(em: EntityManager, userId: string): Promise<void> {
  if ((await em.count(AnonymizedUser, { userId })) > 0) throw new UserAnonymized();
}

import type { EntityManager } from "@mikro-orm/postgresql";
import { audit } from "../audit.ts";
import { type Caller, OPAQUE_ID } from "../auth/caller.ts";
import type { Clock } from "../clock.ts";
import { countingOf, moneyText } from "../currencies.ts";
import { LearningPathCourse, Offer } from "../entities/offer.ts";
import { BadUserInput } from "../errors.ts";
import type { UpsertOfferInput } from "../resolvers/inputs/offer.inputs.ts";
import type { Connection } from "../types/connection.ts";
import { PurchasableType } from "../types/enums.ts";
import type { DecisionCache } from "./decision-cache.ts";
import type { IdempotencyService } from "./idempotency.service.ts";
import { assertPageSize, connectionWith } from "./pages.ts";

/** What an offer is for. */
export type Resource = Pick<Offer, "resourceType" | "resourceId">;

/** Which page of which offers. */
export interface OfferPage {
  resourceType: PurchasableType | null;
  first: number;
  after: string | null;
  includeInactive: boolean;
}

/** What courses and learning paths cost on their own, and which courses a path holds. */
export class OfferService {
  constructor(
    private readonly em: EntityManager,
    private readonly clock: Clock,
    private readonly idempotency: IdempotencyService,
    private readonly cache: DecisionCache,
  ) {}

  /**
   * Newest first, so that pages stay right while offers are added; for admins with those that cannot be bought now.
   * @throws Unauthenticated, Forbidden, BadUserInput for `first` outside 1 to 100 or a cursor that is not ours
   */
  async list(caller: Caller, { resourceType, first, after, ...page }: OfferPage): Promise<Connection<Offer>> {
    if (page.includeInactive) caller.assertAdmin();
    assertPageSize(first);
    const place = after === null ? null : placeOf(after);
    const given = [
      ...(page.includeInactive ? [] : ["is_active"]),
      ...(resourceType ? ["resource_type = ?"] : []),
    ];
    const values = resourceType ? [resourceType] : [];
    const beyond = place ? ["(created_at, resource_type, resource_id) < (?::timestamptz, ?, ?)"] : [];
    const em = this.em.fork();
    const [rows, [count]] = await Promise.all([
      em.execute<object[]>(
        `select * from offers ${where([...given, ...beyond])}
          order by created_at desc, resource_type desc, resource_id desc limit ?`,
        [...values, ...(place ?? []), first + 1],
      ),
      this.em.fork().execute<{ n: string }[]>(`select count(*) as n from offers ${where(given)}`, values),
    ]);
    const edges = rows.map((row) => {
      const node = em.map(Offer, row as never);
      return { node, cursor: cursorOf(node) };
    });
    return connectionWith(edges, { first, isFirst: place === null, totalCount: Number(count?.n) });
  }

  /**
   * Says what something costs, and (a path) which courses it opens: from the next question on, for those too who have
   * it already. What has been bought stays bought at the price it had.
   * @throws Forbidden, BadUserInput for a price that cannot be charged, or what only a path has
   */
  upsert(caller: Caller, input: UpsertOfferInput): Promise<Offer> {
    caller.assertStaff();
    const { resourceType, resourceId } = input;
    return this.idempotency.run({
      ...{ caller, key: input.idempotencyKey, operation: "upsertOffer", input },
      work: async (keep) => {
        assertPrice(input);
        assertOnlyPathsHold(input);
        let lowerFence = () => {};
        try {
          return await this.em.fork().transactional(async (tx) => {
            await lockCatalogue(tx);
            const opensOthers = await this.write(tx, caller, input);
            const kept = await keep(tx, JSON.stringify({ resourceType, resourceId }));
            if (opensOthers) lowerFence = await this.cache.fenceAll();
            return kept;
          });
        } finally {
          lowerFence();
        }
      },
      read: async (reference) => {
        const resource: Resource = JSON.parse(reference);
        return this.em.fork().findOneOrFail(Offer, resource);
      },
    });
  }

  /** Whether it changed what anybody's grants open. */
  private async write(tx: EntityManager, caller: Caller, input: UpsertOfferInput): Promise<boolean> {
    const { resourceType, resourceId, courseIds } = input;
    const known = await tx.findOne(Offer, { resourceType, resourceId });
    const wasStandard = known?.isStandard ?? true;
    const held = resourceType === "LEARNING_PATH" ? await coursesOf(tx, resourceId) : [];
    const before = known && { ...valuesOf(known), courseIds: held };
    const { title, amount: amountMinor, currency, isStandard, isActive, creditsOwnedCourses } = input;
    const values = { title, amountMinor, currency, isStandard, isActive, creditsOwnedCourses };
    const after = { ...values, courseIds: courseIds ?? held };
    if (before && JSON.stringify(before) === JSON.stringify(after)) return false;
    const offer = known ?? Object.assign(new Offer(), { resourceType, resourceId, version: 0 });
    if (!known) offer.createdAt = this.clock.now();
    tx.persist(Object.assign(offer, { ...values, version: offer.version + 1 }));
    if (courseIds) await hold(tx, resourceId, courseIds);
    audit(tx, {
      ...{ at: this.clock.now(), actor: caller.actor, action: "upsertOffer" },
      ...{ tableName: "offers", rowId: `${resourceType}:${resourceId}`, before, after },
    });
    await tx.flush();
    return wasStandard !== isStandard || JSON.stringify(held) !== JSON.stringify(after.courseIds);
  }
}

/** Those of a path, in their order. */
async function coursesOf(em: EntityManager, pathId: string): Promise<string[]> {
  const rows = await em.find(LearningPathCourse, { pathId }, { orderBy: { position: "asc" } });
  return rows.map(({ courseId }) => courseId);
}

/** Makes these, and no others, the courses of a path. */
async function hold(tx: EntityManager, pathId: string, courseIds: readonly string[]): Promise<void> {
  await tx.nativeDelete(LearningPathCourse, { pathId });
  const rows = courseIds.map((courseId, at) => ({ pathId, courseId, position: at + 1 }));
  if (rows.length > 0) await tx.insertMany(LearningPathCourse, rows);
}

const valuesOf = ({
  title,
  amountMinor,
  currency,
  isStandard,
  isActive,
  creditsOwnedCourses,
}: Offer): object => ({ title, amountMinor, currency, isStandard, isActive, creditsOwnedCourses });

/** One at a time writes an offer, also one that is not there yet, and raises the one fence of the catalogue. */
async function lockCatalogue(tx: EntityManager): Promise<void> {
  await tx.execute(`select set_config('idle_in_transaction_session_timeout', '30s', true),
    pg_advisory_xact_lock(hashtextextended('catalogue of offers', 0))`);
}

/** @throws BadUserInput for a currency that Stripe does not charge, or an amount that it does not take in it */
function assertPrice({ amount, currency }: UpsertOfferInput): void {
  const counting = countingOf(currency);
  if (!counting) throw new BadUserInput("input.currency", "Stripe charges nothing in this currency.");
  const { minimum, step } = counting;
  if (amount < minimum)
    throw new BadUserInput("input.amount", `At least ${moneyText(minimum, currency)} can be charged.`);
  if (amount % step !== 0)
    throw new BadUserInput("input.amount", `A price in ${currency} is a multiple of ${step} minor units.`);
}

function assertOnlyPathsHold({ resourceType, courseIds, creditsOwnedCourses }: UpsertOfferInput): void {
  if (resourceType === "LEARNING_PATH") return;
  if (courseIds) throw new BadUserInput("input.courseIds", "Only a learning path holds courses.");
  if (creditsOwnedCourses)
    throw new BadUserInput("input.creditsOwnedCourses", "Only a learning path has courses to credit.");
}

const where = (filters: string[]) => (filters.length > 0 ? `where ${filters.join(" and ")}` : "");

/** The place of an offer in the list; its id may hold any sign. */
const cursorOf = ({ createdAt, resourceType, resourceId }: Offer) =>
  Buffer.from(JSON.stringify([createdAt.toISOString(), resourceType, resourceId])).toString("base64url");

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

function placeOf(cursor: string): [createdAt: string, resourceType: string, resourceId: string] {
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    if (isPlace(place)) return place;
  } catch {
    // no cursor of anybody's
  }
  throw new BadUserInput("after", "This is not a cursor of this list.");
}

function isPlace(place: unknown): place is [string, string, string] {
  if (!Array.isArray(place) || place.length !== 3 || place.some((part) => typeof part !== "string"))
    return false;
  const [createdAt, resourceType, resourceId] = place;
  return (
    INSTANT.test(createdAt) &&
    !Number.isNaN(Date.parse(createdAt)) &&
    Object.hasOwn(PurchasableType, resourceType) &&
    OPAQUE_ID.test(resourceId)
  );
}

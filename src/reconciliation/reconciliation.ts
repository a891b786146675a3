import type { EntityManager } from "@mikro-orm/postgresql";
import type { Clock } from "../clock.ts";
import { ProviderUnavailable } from "../errors.ts";
import type { Cursors } from "../jobs/cursors.ts";
import type { Logger } from "../logger.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import type { ReconcileOptions, Reconciler } from "./reconciler.ts";
import type { ReportSummary, Reports } from "./reports.ts";
import type { Target } from "./scope.ts";
import { PHASES, type Place, type TargetPage, targetPage } from "./targets.ts";

export const RECONCILIATION_CURSOR = "reconciliation";
/** What ended or was paid longer ago is not looked at, unless somebody asks for it. */
export const RECENT_DAYS = 35;
const DAY_MS = 86_400_000;
const NIGHT_HOUR = 3;
const SETTLE_MS = 15_000;
const SLICE_MS = 45_000;
const RETRY_SECONDS = 60;

/** The nightly report that is under way; null between two. */
interface State {
  underWay: { reportId: string; since: string; place: Place } | null;
}

/** What somebody asks for. */
export interface ReconciliationRequest {
  askedBy: string;
  repair: boolean;
  days?: number;
  /** This user alone. */
  userId?: string;
  settleMs?: number;
}

/** How far it has come: users so far, and what is looked through. */
export interface ReconciliationProgress {
  users: number;
  phase: string;
}

/** Compares everything with Stripe: at night by itself, or when asked to, and then repairs if that is wanted. */
export class Reconciliation {
  constructor(
    private readonly em: EntityManager,
    private readonly stripe: StripeGateway,
    private readonly reconciler: Reconciler,
    private readonly reports: Reports,
    private readonly parts: { cursors: Cursors; clock: Clock; logger: Logger },
  ) {}

  /** @throws ProviderUnavailable when Stripe's list of customers cannot be read */
  async reconcile(
    { askedBy, repair, days = RECENT_DAYS, userId, settleMs = SETTLE_MS }: ReconciliationRequest,
    onPage: (progress: ReconciliationProgress) => void = () => {},
  ): Promise<ReportSummary> {
    const since = this.daysAgo(days);
    const startedAt = this.parts.clock.now();
    const id = await this.reports.begin({ askedBy, repairs: repair, since, startedAt });
    const by = repair ? { actor: askedBy, reason: `reconciliation ${id}` } : null;
    const options: ReconcileOptions = { since, settleMs, repair: by };
    let users = 0;
    for (let place: Place | null = { phase: 0, after: null }; place; ) {
      const phase: string = PHASES[place.phase] ?? "";
      const page: TargetPage = userId ? await this.only(userId) : await this.page(place);
      await this.compare(id, page.targets, options);
      users += page.targets.length;
      place = page.next;
      onPage({ users, phase });
    }
    await this.reports.finish(id, this.parts.clock.now());
    return this.reports.summary(id);
  }

  /** Makes the nightly one's cursor. */
  async begin(): Promise<void> {
    await this.parts.cursors.begin(RECONCILIATION_CURSOR, { underWay: null }, secondsToNight());
  }

  /** A part of the nightly comparison, which goes on where it stopped. */
  async run(settleMs = SETTLE_MS): Promise<void> {
    const lease = await this.parts.cursors.lease<State>(RECONCILIATION_CURSOR);
    if (!lease) return;
    const isOver = this.parts.cursors.slice(SLICE_MS);
    let { underWay } = lease.state;
    try {
      underWay ??= await this.tonight();
      const { reportId, since } = underWay;
      const options = { since: new Date(since), settleMs, repair: null };
      for (let place: Place | null = underWay.place; place; ) {
        const page: TargetPage = await this.page(place);
        await this.compare(reportId, page.targets, options);
        place = page.next;
        if (!place) break;
        underWay = { ...underWay, place };
        await lease.save({ underWay });
        if (isOver()) return await lease.release({ underWay }, 0);
      }
      await this.reports.finish(reportId, this.parts.clock.now());
      underWay = null;
      await this.tell(reportId);
    } catch (error) {
      await lease.release({ underWay }, RETRY_SECONDS);
      throw error;
    }
    await lease.release({ underWay }, secondsToNight());
  }

  private async tonight(): Promise<NonNullable<State["underWay"]>> {
    const since = this.daysAgo(RECENT_DAYS);
    const startedAt = this.parts.clock.now();
    const request = { askedBy: "service:payment", repairs: false, since, startedAt };
    const reportId = await this.reports.begin(request);
    return { reportId, since: since.toISOString(), place: { phase: 0, after: null } };
  }

  private async tell(reportId: string): Promise<void> {
    const { drift, users, failedUsers } = await this.reports.summary(reportId);
    const count = drift.filter(({ state }) => state === "drift").reduce((sum, { count }) => sum + count, 0);
    const level = count > 0 || failedUsers > 0 ? "warn" : "info";
    this.parts.logger[level]({ reportId, users, failedUsers, drift: count }, "compared with Stripe");
  }

  /** @throws ProviderUnavailable when none of them could be compared: Stripe is away */
  private async compare(reportId: string, targets: Target[], options: ReconcileOptions): Promise<void> {
    const findings = await this.reconciler.compare(targets, options);
    if (targets.length > 1 && findings.failed.length === targets.length) throw new ProviderUnavailable();
    await this.reports.add(reportId, targets.length, findings);
  }

  private page(place: Place): Promise<TargetPage> {
    return targetPage(this.stripe, this.em.fork(), place);
  }

  private async only(userId: string): Promise<TargetPage> {
    const [row] = await this.em
      .fork()
      .execute<{ stripe_customer_id: string }[]>(
        "select stripe_customer_id from customers where user_id = ?",
        [userId],
      );
    return { targets: [{ userId, customerId: row?.stripe_customer_id ?? null }], next: null };
  }

  private daysAgo(days: number): Date {
    return new Date(this.parts.clock.now().getTime() - days * DAY_MS);
  }
}

/** Until three in the morning, UTC, on real time. */
function secondsToNight(now = new Date()): number {
  const night = new Date(now);
  night.setUTCHours(NIGHT_HOUR, 0, 0, 0);
  const ahead = night.getTime() - now.getTime();
  return Math.ceil((ahead > 0 ? ahead : ahead + DAY_MS) / 1_000);
}

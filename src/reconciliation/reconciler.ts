import type { EntityManager } from "@mikro-orm/postgresql";
import { audit } from "../audit.ts";
import { UserAnonymized } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { StripeGateway } from "../stripe/gateway.ts";
import type { Difference } from "../sync/snapshot.ts";
import type { Comparison, Reading, WholeUser } from "../sync/whole-user.ts";
import { scopeOf, type Target } from "./scope.ts";

/** Reads of Stripe at once. */
const ABREAST = 4;

/** What is compared, and what is done about what is found. */
export interface ReconcileOptions {
  /** What ended or was paid before is not looked at. */
  since: Date;
  /** Null: only told. Else who repairs, and why, for the audit log. */
  repair: { actor: string; reason: string } | null;
  /** How long something has to differ: until then its webhook may be on its way. */
  settleMs: number;
}

/** A row that does not say what Stripe says, and what became of it. */
export interface Finding extends Difference {
  userId: string;
  state: "drift" | "in_flight" | "repaired";
}

/** What was found of some users; those that could not be compared found nothing. */
export interface Findings {
  findings: Finding[];
  failed: Target[];
}

/**
 * Compares users with Stripe by rehearsing the syncs of all they have: what these would change, and nothing is under
 * way for, is drift. What looks like drift is looked at again after a while, since a webhook may be on its way.
 */
export class Reconciler {
  constructor(
    private readonly em: EntityManager,
    private readonly stripe: StripeGateway,
    private readonly users: WholeUser,
    private readonly logger: Logger,
  ) {}

  async compare(targets: readonly Target[], options: ReconcileOptions): Promise<Findings> {
    const failed: Target[] = [];
    const findings: Finding[] = [];
    const drifted: { target: Target; first: Finding[] }[] = [];
    await abreast(targets, async (target) => {
      const first = await this.attempt(target, failed, () => this.look(target, options.since));
      if (first?.some(({ state }) => state === "drift")) drifted.push({ target, first });
      else findings.push(...(first ?? []));
    });
    if (drifted.length > 0) await new Promise((resolve) => setTimeout(resolve, options.settleMs));
    await abreast(drifted, async ({ target, first }) => {
      const settled = await this.attempt(target, failed, () => this.settle(target, first, options));
      findings.push(...(settled ?? first));
    });
    return { findings, failed };
  }

  /** What still differs after a while is drift; what no longer does was on its way. */
  private async settle(target: Target, first: Finding[], options: ReconcileOptions): Promise<Finding[]> {
    const second = await this.look(target, options.since);
    const known = new Set(first.filter(({ state }) => state === "drift").map(nameOf));
    const findings = second.map((finding): Finding => {
      return known.has(nameOf(finding)) ? finding : { ...finding, state: "in_flight" };
    });
    if (!options.repair || !findings.some(({ state }) => state === "drift")) return findings;
    await this.repair(target, options.since, options.repair);
    const left = new Set((await this.look(target, options.since)).map(nameOf));
    return findings.map((finding): Finding => {
      const isRepaired = finding.state === "drift" && !left.has(nameOf(finding));
      return isRepaired ? { ...finding, state: "repaired" } : finding;
    });
  }

  private async look(target: Target, since: Date): Promise<Finding[]> {
    const readings = await this.read(target, since);
    const comparison = await this.users.rehearse(target.userId, readings);
    return comparison.differences.map((difference) => ({
      ...{ ...difference, userId: target.userId },
      state: isInFlight(difference, comparison) ? "in_flight" : "drift",
    }));
  }

  /** Through the writes of the ordinary syncs. What is gone at Stripe goes only for a customer that Stripe has. */
  private async repair(target: Target, since: Date, by: { actor: string; reason: string }): Promise<void> {
    const readings = await this.read(target, since);
    const isThere = readings.some(({ aggregate, remote }) => aggregate === "customer" && !isDeleted(remote));
    const trusted = readings.filter(({ remote }) => remote !== null || isThere);
    await this.users.apply(target.userId, trusted, ({ tx, now, userId }, { differences }) => {
      for (const { table: tableName, key: rowId, kind, columns } of differences) {
        const side = (at: 0 | 1) =>
          Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[at]]));
        audit(tx, {
          ...{ at: now, actor: by.actor, action: "repaired", tableName, rowId, userId },
          ...{ before: side(0), after: side(1), reason: `${by.reason}: ${kind}` },
        });
      }
    });
  }

  private async read(target: Target, since: Date): Promise<Reading[]> {
    const readings: Reading[] = [];
    await abreast(await scopeOf(this.stripe, this.em.fork(), target, since), async ({ aggregate, id }) => {
      readings.push(await this.users.read(aggregate, id));
    });
    return this.without(readings, target.userId);
  }

  /** Whatever our row says: what belongs to another user's customer is compared with that user. */
  private async without(readings: Reading[], userId: string): Promise<Reading[]> {
    const rows = await this.em.fork().execute<{ id: string }[]>(
      `select stripe_customer_id as id from customers
       where stripe_customer_id in (select jsonb_array_elements_text(?::jsonb)) and user_id <> ?`,
      [JSON.stringify(readings.map(customerOf).filter((id) => id !== null)), userId],
    );
    const others = new Set(rows.map(({ id }) => id));
    return readings.filter((reading) => !others.has(customerOf(reading) ?? ""));
  }

  /** One user's trouble is not the others'. Of one who has become nobody meanwhile nothing is found, or remembered. */
  private async attempt(
    target: Target,
    failed: Target[],
    work: () => Promise<Finding[]>,
  ): Promise<Finding[] | null> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof UserAnonymized) return [];
      this.logger.warn({ err: error, userId: target.userId }, "a user could not be compared with Stripe");
      failed.push(target);
      return null;
    }
  }
}

/** Something waits to be done about the row's object, or about anything that its grants and slot follow from. */
function isInFlight({ objectId }: Difference, { unsettled, hasOpenIntent }: Comparison): boolean {
  return hasOpenIntent || (objectId === null ? unsettled.size > 0 : unsettled.has(objectId));
}

const nameOf = ({ table, key, kind }: Difference) => `${table} ${key} ${kind}`;

const isDeleted = (remote: unknown) =>
  Boolean((remote as { customer?: { deleted?: boolean } } | null)?.customer?.deleted);

/** The customer of Stripe's that an object belongs to. */
function customerOf({ remote }: Reading): string | null {
  const object = remote as { customer?: unknown; invoice?: object; intent?: object } | null;
  const { customer } = (object?.invoice ?? object?.intent ?? object ?? {}) as { customer?: unknown };
  const id = typeof customer === "string" ? customer : (customer as { id?: unknown } | null | undefined)?.id;
  return typeof id === "string" ? id : null;
}

async function abreast<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const worker = async () => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await work(one);
  };
  await Promise.all(Array.from({ length: Math.min(ABREAST, all.length) }, worker));
}

import { Router } from "express";
import type { Redis } from "ioredis";
import type { Config } from "../config.ts";
import { type Orm, pendingMigrations } from "../database.ts";

const CACHE_MS = 1_000;
const TIMEOUT_MS = 2_000;

export type ComponentState = "up" | "down" | "pending" | "draining" | "sandbox" | "test" | "live";

/** What health looks at. States only: no hosts, error texts or secrets. */
export class Health {
  private cached: { at: number; components: Promise<Record<string, ComponentState>> } | undefined;
  private migrated = false;
  private isDraining = false;

  constructor(
    private readonly orm: Orm,
    private readonly redis: Redis,
    private readonly config: Config,
  ) {}

  /** From now on not ready: no new requests are to be sent here. */
  drain(): void {
    this.isDraining = true;
  }

  get isLeaving(): boolean {
    return this.isDraining;
  }

  async components(): Promise<Record<string, ComponentState>> {
    const now = Date.now();
    if (!this.cached || now - this.cached.at > CACHE_MS) this.cached = { at: now, components: this.check() };
    return { ...(await this.cached.components), service: this.isDraining ? "draining" : "up" };
  }

  private async check(): Promise<Record<string, ComponentState>> {
    const [database, redis] = await Promise.all([
      stateOf(() => this.orm.em.fork().execute("select 1")),
      stateOf(() => this.redis.ping()),
    ]);
    const migrations = database === "up" ? await this.migrations() : "down";
    return { database, migrations, redis, stripe: stripeState(this.config) };
  }

  /** Once applied, migrations stay applied while this process lives. */
  private async migrations(): Promise<ComponentState> {
    this.migrated ||= await pendingMigrations(this.orm).then(
      (pending) => pending.length === 0,
      () => false,
    );
    return this.migrated ? "up" : "pending";
  }
}

async function stateOf(check: () => Promise<unknown>): Promise<ComponentState> {
  const late = new Promise<never>((_, reject) => setTimeout(reject, TIMEOUT_MS).unref());
  return Promise.race([check(), late]).then(
    () => "up" as const,
    () => "down" as const,
  );
}

function stripeState({ stripe }: Config): ComponentState {
  if (stripe.livemode) return "live";
  return stripe.apiBase === "https://api.stripe.com" ? "test" : "sandbox";
}

/** `/health` for people, `/health/liveness` and `/health/readiness` for Kubernetes. */
export function healthRoutes(health: Health): Router {
  const router = Router();
  router.get("/liveness", (_request, response) => {
    response.json({ status: "ok" });
  });
  router.get("/readiness", async (_request, response) => {
    const components = await health.components();
    response.status(isReady(components) ? 200 : 503).json({ status: statusOf(components) });
  });
  router.get("/", async (_request, response) => {
    const components = await health.components();
    response.status(isReady(components) ? 200 : 503).json({ status: statusOf(components), components });
  });
  return router;
}

const isReady = ({ database, migrations, service }: Record<string, ComponentState>) =>
  database === "up" && migrations === "up" && service === "up";

/** Without Redis everything works but live updates and events, which wait. */
function statusOf(components: Record<string, ComponentState>): "ok" | "degraded" | "unavailable" {
  if (!isReady(components)) return "unavailable";
  return components.redis === "up" ? "ok" : "degraded";
}

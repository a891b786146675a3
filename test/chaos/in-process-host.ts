import { type App, createApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config.ts";
import { armCrashPoints, type CrashPoint } from "../../src/crash-points.ts";
import { atPort } from "../support/service.ts";
import type { Host } from "./host.ts";
import { openWay, type Way } from "./way.ts";

/** Thrown at a point by a service that is cut off there. */
class Crash extends Error {}

const STOPPED_WITHIN_MS = 5_000;

/**
 * The service within this process. A crash cuts it off from PostgreSQL, Redis and Stripe in the middle of whatever it
 * does, which leaves outside what a kill would: only its memory lives on, and nobody sees that.
 */
export class InProcessHost implements Host {
  private life: { app: App; ways: Way[]; redis: Way } | undefined;
  private canReachRedis = true;
  private fatal: { point: CrashPoint; left: number } | undefined;
  private readonly ends = new Set<Promise<unknown>>();
  readonly deaths = { atPoint: 0, atOnce: 0 };
  port = 0;

  /** @param hangUp cuts the connections that others have to it */
  constructor(
    private readonly env: NodeJS.ProcessEnv,
    private readonly hangUp: () => void,
  ) {
    armCrashPoints((point) => this.pass(point));
  }

  get isDown(): boolean {
    return this.life === undefined;
  }

  async start(): Promise<void> {
    const { DATABASE_URL, REDIS_URL, STRIPE_API_BASE } = this.env as Record<string, string>;
    const addresses = { DATABASE_URL, REDIS_URL, STRIPE_API_BASE } as Record<string, string>;
    const ways = Object.values(addresses).map((url) => openWay(Number(new URL(url).port) || 5432));
    const through = Object.entries(addresses).map(([name, url], at) => [
      name,
      atPort(url, (ways[at] as Way).port).replace(/\/$/, ""),
    ]);
    const redis = ways[1] as Way;
    if (!this.canReachRedis) redis.shut();
    const app = await createApp(loadConfig({ ...this.env, ...Object.fromEntries(through), PORT: "0" }));
    this.life = { app, ways, redis };
    this.port = (await app.start()).port;
  }

  async crash(): Promise<void> {
    if (!this.isDown) this.deaths.atOnce += 1;
    this.cutOff();
  }

  crashAt(point: CrashPoint, times: number): void {
    this.fatal = { point, left: times };
  }

  disarm(): void {
    this.fatal = undefined;
  }

  reachRedis(can: boolean): void {
    this.canReachRedis = can;
    if (can) this.life?.redis.open();
    else this.life?.redis.shut();
  }

  async parts(): Promise<App["parts"] | undefined> {
    return this.life?.app.parts;
  }

  async stop(): Promise<void> {
    const { app, ways } = this.life ?? {};
    this.life = undefined;
    armCrashPoints();
    for (const way of ways ?? []) way.open();
    await app?.stop();
    await Promise.all((ways ?? []).map((way) => way.close()));
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise((resolve) => {
      timer = setTimeout(resolve, STOPPED_WITHIN_MS);
    });
    await Promise.race([Promise.allSettled(this.ends), enough]);
    clearTimeout(timer);
  }

  /** While it is down, whatever of it still runs in this process gets no further than to its next point. */
  private pass(point: CrashPoint): void {
    if (this.life) {
      if (point !== this.fatal?.point || --this.fatal.left > 0) return;
      this.fatal = undefined;
      this.deaths.atPoint += 1;
      this.cutOff();
    }
    throw new Crash(`the service was cut off at ${point}`);
  }

  private cutOff(): void {
    const { app, ways } = this.life ?? {};
    if (!app || !ways) return;
    this.life = undefined;
    this.hangUp();
    for (const way of ways) way.shut();
    const end = app
      .stop()
      .catch(() => {})
      .then(() => Promise.all(ways.map((way) => way.close())))
      .finally(() => this.ends.delete(end));
    this.ends.add(end);
  }
}

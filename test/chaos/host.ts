import type { ChildProcess } from "node:child_process";
import { type App, createApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config.ts";
import { armCrashPoints, type CrashPoint } from "../../src/crash-points.ts";
import { type Gate, openGate } from "../support/gate.ts";
import { atPort } from "../support/service.ts";
import { kill, spawnService } from "../support/spawn.ts";

/** What runs the service: dies when told, or at a point, and is started again on what it left. */
export interface Host {
  readonly isDown: boolean;
  /** Where it listens while it is up. */
  readonly port: number;
  start(): Promise<void>;
  /** Ends it as a crash would, now. */
  crash(): Promise<void>;
  /** Ends it when it comes to a point for the n-th time; in a process of its own, the next one that is started. */
  crashAt(point: CrashPoint, times: number): void;
  disarm(): void;
  /** Redis is out of reach, or back. */
  reachRedis(can: boolean): void;
  /** The service itself, when it runs in this process and is up. */
  app(): App | undefined;
  stop(): Promise<void>;
}

/** Thrown at a point by a service that is cut off there. */
class Crash extends Error {}

/**
 * The service within this process. A crash cuts it off from PostgreSQL, Redis and Stripe in the middle of whatever it
 * does, which leaves outside what a kill would: only its memory lives on, and nobody sees that.
 */
export class InProcessHost implements Host {
  private life: { app: App; gates: Gate[]; redis: Gate } | undefined;
  private canReachRedis = true;
  private readonly ends = new Set<Promise<unknown>>();
  port = 0;

  /** @param hangUp cuts the connections that others have to it */
  constructor(
    private readonly env: NodeJS.ProcessEnv,
    private readonly hangUp: () => void,
  ) {}

  get isDown(): boolean {
    return this.life === undefined;
  }

  async start(): Promise<void> {
    const { DATABASE_URL, REDIS_URL, STRIPE_API_BASE } = this.env as Record<string, string>;
    const addresses = { DATABASE_URL, REDIS_URL, STRIPE_API_BASE } as Record<string, string>;
    const gates = await Promise.all(
      Object.values(addresses).map((url) => openGate(Number(new URL(url).port) || 5432)),
    );
    const through = Object.entries(addresses).map(([name, url], at) => [
      name,
      atPort(url, (gates[at] as Gate).port).replace(/\/$/, ""),
    ]);
    const redis = gates[1] as Gate;
    if (!this.canReachRedis) redis.shut();
    const app = await createApp(loadConfig({ ...this.env, ...Object.fromEntries(through), PORT: "0" }));
    this.life = { app, gates, redis };
    this.port = (await app.start()).port;
  }

  async crash(): Promise<void> {
    this.cutOff();
  }

  crashAt(point: CrashPoint, times: number): void {
    let left = times;
    armCrashPoints((reached) => {
      if (this.life && (reached !== point || --left > 0)) return;
      this.cutOff();
      throw new Crash(`the service was cut off at ${reached}`);
    });
  }

  disarm(): void {
    armCrashPoints();
  }

  reachRedis(can: boolean): void {
    this.canReachRedis = can;
    if (can) this.life?.redis.open();
    else this.life?.redis.shut();
  }

  app(): App | undefined {
    return this.life?.app;
  }

  async stop(): Promise<void> {
    this.disarm();
    const { app, gates } = this.life ?? {};
    this.life = undefined;
    for (const gate of gates ?? []) gate.open();
    await app?.stop();
    await Promise.all((gates ?? []).map((gate) => gate.close()));
    await Promise.race([Promise.allSettled(this.ends), new Promise((resolve) => setTimeout(resolve, 5_000))]);
  }

  private cutOff(): void {
    const { app, gates } = this.life ?? {};
    if (!app || !gates) return;
    this.life = undefined;
    this.hangUp();
    for (const gate of gates) gate.shut();
    const end = app
      .stop()
      .catch(() => {})
      .then(() => Promise.all(gates.map((gate) => gate.close())))
      .finally(() => this.ends.delete(end));
    this.ends.add(end);
  }
}

/** The service as a process of its own, which dies by `kill -9`. */
export class ProcessHost implements Host {
  private child: ChildProcess | undefined;
  private fatal: CrashPoint | undefined;
  private redis: Gate | undefined;
  port = 0;

  constructor(private readonly env: NodeJS.ProcessEnv) {}

  get isDown(): boolean {
    return !this.child || this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async start(): Promise<void> {
    const url = this.env.REDIS_URL as string;
    this.redis ??= await openGate(Number(new URL(url).port));
    const { child, url: address } = await spawnService({
      ...this.env,
      REDIS_URL: atPort(url, this.redis.port),
      ...(this.fatal && { CRASH_AT: this.fatal }),
    });
    this.fatal = undefined;
    this.child = child;
    this.port = Number(new URL(address).port);
  }

  async crash(): Promise<void> {
    if (this.child) await kill(this.child);
  }

  /** A process is told when it is started: this one dies now, the next one there. */
  crashAt(point: CrashPoint): void {
    this.fatal = point;
    this.child?.kill("SIGKILL");
  }

  disarm(): void {
    this.fatal = undefined;
  }

  reachRedis(can: boolean): void {
    if (can) this.redis?.open();
    else this.redis?.shut();
  }

  app(): undefined {
    return undefined;
  }

  async stop(): Promise<void> {
    await this.crash();
    await this.redis?.close();
  }
}

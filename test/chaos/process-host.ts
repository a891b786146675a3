import type { ChildProcess } from "node:child_process";
import { type App, createApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config.ts";
import type { CrashPoint } from "../../src/crash-points.ts";
import { type Gate, openGate } from "../support/gate.ts";
import { atPort } from "../support/service.ts";
import { kill, spawnService } from "../support/spawn.ts";
import type { Host } from "./host.ts";
import type { Fate } from "./mortal.ts";

const MORTAL = "--import=./dist/test/chaos/mortal.js";

/** The service as a process of its own, which dies by `kill -9`. */
export class ProcessHost implements Host {
  private child: ChildProcess | undefined;
  private fatal: Fate = null;
  private redis: Gate | undefined;
  private twin: Promise<App> | undefined;
  readonly deaths = { atPoint: 0, atOnce: 0 };
  port = 0;

  constructor(private readonly env: NodeJS.ProcessEnv) {}

  get isDown(): boolean {
    return !this.child || this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async start(): Promise<void> {
    const url = this.env.REDIS_URL as string;
    this.redis ??= await openGate(Number(new URL(url).port));
    const env = { ...this.env, REDIS_URL: atPort(url, this.redis.port), NODE_OPTIONS: MORTAL };
    const { child, url: address } = await spawnService(env, { hears: true });
    this.child = child;
    this.port = Number(new URL(address).port);
    child.once("exit", (_code, signal) => {
      if (signal === "SIGKILL" && child === this.child) this.deaths.atPoint += 1;
    });
    this.tell(this.fatal);
  }

  async crash(): Promise<void> {
    if (!this.child || this.isDown) return;
    this.deaths.atOnce += 1;
    await this.end();
  }

  crashAt(point: CrashPoint, times: number): void {
    this.fatal = { point, times };
    if (!this.isDown) this.tell(this.fatal);
  }

  disarm(): void {
    this.fatal = null;
    if (!this.isDown) this.tell(null);
  }

  reachRedis(can: boolean): void {
    if (can) this.redis?.open();
    else this.redis?.shut();
  }

  async parts(): Promise<App["parts"] | undefined> {
    this.twin ??= createApp(loadConfig(this.env));
    return (await this.twin).parts;
  }

  async stop(): Promise<void> {
    await this.end();
    await (await this.twin)?.stop();
    await this.redis?.close();
  }

  /** What was told once is carried by the process that heard it, and not by the next. */
  private tell(fate: Fate): void {
    this.fatal = null;
    if (this.child?.connected) this.child.send({ fate }, () => {});
  }

  /** Ends it from here, which is no death of its own. */
  private async end(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child) await kill(child);
  }
}

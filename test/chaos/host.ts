import type { App } from "../../src/app.ts";
import type { CrashPoint } from "../../src/crash-points.ts";

/** How often the service died, and where. */
export interface Deaths {
  atPoint: number;
  atOnce: number;
}

/** What runs the service: dies when told, or at a point, and is started again on what it left. */
export interface Host {
  readonly isDown: boolean;
  /** Where it listens while it is up. */
  readonly port: number;
  readonly deaths: Deaths;
  start(): Promise<void>;
  /** Ends it as a crash would, now. */
  crash(): Promise<void>;
  /** Ends it when it comes to a point for the n-th time, once; what runs now, or is started next. */
  crashAt(point: CrashPoint, times: number): void;
  disarm(): void;
  /** Redis is out of reach, or back. */
  reachRedis(can: boolean): void;
  /** Its parts, for work that nobody waits for: those of the service itself, or of a twin that does nothing else. */
  parts(): Promise<App["parts"] | undefined>;
  stop(): Promise<void>;
}

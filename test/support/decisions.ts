import { Redis } from "ioredis";
import { DecisionStore } from "../../src/events/decision-store.ts";
import { createLogger } from "../../src/logger.ts";
import { Metrics } from "../../src/metrics.ts";
import type { AccessQuestion, TimedDecision } from "../../src/services/access-question.ts";
import { type Decide, DecisionCache } from "../../src/services/decision-cache.ts";
import { startTestRedis, type TestRedis } from "./redis.ts";
import { eventually } from "./service.ts";

export const GRANTED: TimedDecision = { granted: true, source: "GIFT", expiresAt: null, changesAt: null };
export const REFUSED: TimedDecision = { granted: false, source: null, expiresAt: null, changesAt: null };
export const LATER: TimedDecision = { ...GRANTED, source: "PURCHASE" };

export function about(userId: string, resourceId = "course-1"): AccessQuestion {
  return { userId, resourceType: "COURSE", resourceId };
}

/** A primary that gives one answer to everything, and counts how often it was asked. */
export function primary(decision: TimedDecision): Decide & { asked: AccessQuestion[][] } {
  const asked: AccessQuestion[][] = [];
  const decide: Decide = async (questions) => {
    asked.push([...questions]);
    return questions.map(() => decision);
  };
  return Object.assign(decide, { asked });
}

/** A Redis, and caches of decisions upon it. */
export interface Decisions {
  redis: TestRedis;
  connection: Redis;
  /** A process's cache; several are several replicas. */
  replica(): DecisionCache;
  /** Until so many decisions have reached Redis, for whom whoever decides does not wait. */
  kept(userId: string, fields: number): Promise<unknown>;
  /** Has a process decide so about a user's course and remember it: it has found in Redis what it decided. */
  remember(cache: DecisionCache, userId: string, decision: TimedDecision): Promise<void>;
  /** Until nothing is kept of a user, or of the catalogue. */
  gone(userId?: string): Promise<unknown>;
  stop(): Promise<void>;
}

/** What is kept of a user: decisions as they are written, each with all that it is about. */
export async function textsOf(connection: Redis, userId: string): Promise<Record<string, string>> {
  const { lease: _, fence: __, ...texts } = await connection.hgetall(`payment:{${userId}}:access`);
  return texts;
}

/** @param now the time of every replica */
export async function startDecisions(now = () => new Date("2026-03-10T12:00:00Z")): Promise<Decisions> {
  const redis = await startTestRedis();
  const connection = new Redis(redis.url, { maxRetriesPerRequest: 0, enableOfflineQueue: false });
  connection.on("error", () => {});
  await connection.ping().catch(() => new Promise((resolve) => connection.once("ready", resolve)));
  const clock = { now, stop: () => {} };
  const kept = (userId: string, fields: number) =>
    eventually(
      () => textsOf(connection, userId),
      (texts) => Object.values(texts).flatMap((all) => all.split("\n")).length === fields,
    );
  return {
    ...{ redis, connection, kept },
    replica: () =>
      new DecisionCache(
        new DecisionStore(connection, connection),
        clock,
        new Metrics(),
        createLogger("silent"),
      ),
    async remember(cache, userId, decision) {
      await cache.answer([about(userId)], primary(decision));
      await kept(userId, 1);
      await cache.answer([about(userId)], primary(decision));
    },
    gone: (userId) =>
      eventually(
        () => connection.exists(userId ? `payment:{${userId}}:access` : "payment:access:catalogue"),
        (there) => there === 0,
      ),
    async stop() {
      connection.disconnect();
      await redis.stop();
    },
  };
}

import type { Redis } from "ioredis";

/** The stream that keeps events for consumers who may not miss one. */
export const STREAM = "payment-events";
const PAGE = 1_000;

/**
 * Lets go of the entries from before a moment, by the time that each event says of itself; one that says none, since somebody
 * else put it there, by when that was. Returns how many went.
 */
export async function trimStream(redis: Redis, before: Date): Promise<number> {
  for (let count = 0; ; ) {
    const page = await redis.xrange(STREAM, "-", "+", "COUNT", PAGE);
    const young = page.find((entry) => happenedAt(entry) >= before.getTime());
    const last = page.at(-1);
    if (!last) return count;
    count += Number(await redis.xtrim(STREAM, "MINID", young ? young[0] : after(last[0])));
    if (young || page.length < PAGE) return count;
  }
}

function happenedAt([id, fields]: Entry): number {
  const time = Date.parse(String(eventIn(fields).time));
  return Number.isNaN(time) ? Number.parseInt(id, 10) : time;
}

/** The id that comes next: what is added while a page is trimmed stays. */
function after(id: string): string {
  const [milliseconds, sequence] = id.split("-");
  return `${milliseconds}-${BigInt(sequence ?? 0) + 1n}`;
}

/** Takes the events of one user out of the stream. */
export async function forgetSubject(redis: Redis, userId: string): Promise<void> {
  for (let from = "-"; ; ) {
    const page = await redis.xrange(STREAM, from, "+", "COUNT", PAGE);
    const theirs = page.filter(([, fields]) => eventIn(fields).subject === userId).map(([id]) => id);
    if (theirs.length > 0) await redis.xdel(STREAM, ...theirs);
    const last = page.at(-1);
    if (!last || page.length < PAGE) return;
    from = after(last[0]);
  }
}

type Entry = [id: string, fields: string[]];

/** What an entry says of itself; nothing when it is not one of ours. */
function eventIn([, message]: string[]): { time?: unknown; subject?: unknown } {
  try {
    return Object(JSON.parse(message ?? "{}"));
  } catch {
    return {};
  }
}

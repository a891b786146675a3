import type { Redis } from "ioredis";

/** The stream that keeps events for consumers who may not miss one. */
export const STREAM = "payment-events";
const PAGE = 1_000;

/** Lets go of the entries from before a moment, by the time that each event says of itself. Returns how many went. */
export async function trimStream(redis: Redis, before: Date): Promise<number> {
  for (let count = 0; ; ) {
    const page = await redis.xrange(STREAM, "-", "+", "COUNT", PAGE);
    const young = page.find(([, fields]) => happenedAt(fields) >= before.getTime());
    const last = page.at(-1);
    if (!last) return count;
    count += Number(await redis.xtrim(STREAM, "MINID", young ? young[0] : after(last[0])));
    if (young || page.length < PAGE) return count;
  }
}

function happenedAt([, message]: string[]): number {
  const { time } = JSON.parse(message ?? "{}") as { time?: string };
  return new Date(time ?? 0).getTime();
}

/** The id that comes next: what is added while a page is trimmed stays. */
function after(id: string): string {
  const [milliseconds, sequence] = id.split("-");
  return `${milliseconds}-${BigInt(sequence ?? 0) + 1n}`;
}

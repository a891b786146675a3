import { createHash, randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { byOneWrite, giveUpIfFrozen, wasNotAnswered } from "./redis.ts";

/** An entry lives no longer than this, whatever happens: the bound that holds when a fence could not be raised. */
export const ENTRY_MS = 60_000;
/** Outlives the commit that it stands before, and whoever was to take it down again. */
export const FENCE_MS = 15_000;
const ATTEMPTS = 2;
const CATALOGUE = "payment:access:catalogue";
const FENCED = "fenced:";
const STANDING = ["fence", "lease"] as const;
/** Of the fields of a text. */
const BETWEEN = "\n";
/** How much is read, in bytes, of those who have one text before others join them: some two thousand. */
const LONGEST = 32 * 1024;

/** Where a user's decisions are kept; the braces keep all keys of a user on one node of a cluster. */
const userKey = (userId: string) => `payment:{${userId}}:access`;

/** Of whom something is looked for. */
export interface Look {
  readonly userId: string;
  /** Whether it is enough to hear if what is known stands: by a cheaper command, and by another where nothing is left. */
  readonly isKnown: boolean;
}

/** What is kept of a user: texts, with the fields that have each; and whether, and under which lease, more may be added. */
export interface Shelf {
  readonly lease: string | null;
  readonly texts: readonly (readonly [text: string, fields: readonly string[]])[];
}

/** What is added to it, under the lease that `read` gave. No field has a line break. */
export interface Addition {
  readonly userId: string;
  readonly lease: string;
  readonly texts: ReadonlyMap<string, readonly string[]>;
}

/** Of several users, and the generation of what holds for all; null while that is being changed. */
export interface Shelves {
  readonly generation: string | null;
  readonly shelves: readonly Shelf[];
}

interface Script {
  readonly text: string;
  readonly sha: string;
}

/** Runs a script on a key. */
type Run = (key: string, ...args: (string | number)[]) => Promise<unknown>;

type Reply = PromiseSettledResult<unknown>;

/**
 * Texts about users in Redis, under a generation of the catalogue, that never outlive a change that has raised its
 * fence. Whoever finds nothing is given a lease, reads the truth and adds it under that lease; a fence takes leases
 * and texts away and gives none until it is taken down, so that what was read before a change is not added after it.
 */
export class DecisionStore {
  /**
   * @param redis for reading and adding, which can be done without
   * @param commands for what has to arrive while Redis can be reached at all, and waits for it longer
   */
  constructor(
    private readonly redis: Redis,
    private readonly commands: Redis,
  ) {}

  /**
   * What there is of these, by one round trip, and a lease for whom there is nothing, by another where that was not
   * thought of. Whose answer is an error has nothing kept. @throws what ioredis throws, at once while Redis is away
   */
  async read(looks: readonly Look[]): Promise<Shelves> {
    const [catalogue, ...replies] = await this.together(READ, (run) => [
      this.redis.get(CATALOGUE),
      ...looks.map((look) =>
        look.isKnown ? this.redis.hmget(userKey(look.userId), ...STANDING) : take(look, run),
      ),
    ]);
    if (catalogue?.status !== "fulfilled") throw catalogue?.reason ?? new Error("Redis said nothing.");
    const gone = [...replies.keys()].filter((at) => looks[at]?.isKnown && isNothing(replies[at]));
    if (gone.length > 0) {
      const taken = await this.together(READ, (run) => gone.map((at) => take(looks[at] as Look, run)));
      for (const [nth, at] of gone.entries()) replies[at] = taken[nth] as Reply;
    }
    return {
      generation: await this.generation(catalogue.value as string | null),
      shelves: replies.map(shelfIn),
    };
  }

  /** Adds to what is kept of users; nothing where the lease is not good any more. */
  async add(additions: readonly Addition[]): Promise<void> {
    await this.together(ADD, (run) =>
      additions.map(({ userId, lease, texts }) =>
        run(userKey(userId), lease, ...[...texts].flatMap(([text, fields]) => [text, fields.join(BETWEEN)])),
      ),
    );
  }

  private async generation(known: string | null): Promise<string | null> {
    if (known !== null) return known.startsWith(FENCED) ? null : known;
    const first = randomUUID();
    return (await this.answered(this.redis.set(CATALOGUE, first, "NX"))) === "OK" ? first : null;
  }

  /**
   * Sends commands at once; each has its own answer or error. A script that Redis does not know is run on nothing, from
   * when on it knows it, and all are sent again.
   */
  private async together(
    { text, sha }: Script,
    commands: (run: Run) => Promise<unknown>[],
  ): Promise<Reply[]> {
    const run: Run = (key, ...args) => this.redis.evalsha(sha, 1, key, ...args);
    const send = () => Promise.allSettled(byOneWrite(this.redis, () => commands(run)));
    let replies = await send();
    if (replies.some(isUnknown)) {
      await this.answered(this.redis.eval(text, 0));
      replies = await send();
    }
    for (const reply of replies) if (reply.status === "rejected") giveUpIfFrozen(this.redis, reply.reason);
    return replies;
  }

  /** Takes away what is kept of a user and keeps anything from being added until `lower`, or for {@link FENCE_MS}. */
  async raise(userId: string, fence: string): Promise<void> {
    await this.arrived(() => this.commands.eval(RAISE, 1, userKey(userId), fence, FENCE_MS));
  }

  /** Takes down the fence, when it is this one. Without a fence, takes away what is kept: it may be from before. */
  async lower(userId: string, fence: string): Promise<void> {
    await dropDecisions(this.commands, userId, fence);
  }

  /** The same for what holds for all users. One at a time: the caller holds a lock. */
  async raiseForAll(fence: string): Promise<void> {
    await this.arrived(() => this.commands.set(CATALOGUE, FENCED + fence, "PX", FENCE_MS));
  }

  async lowerForAll(fence: string): Promise<void> {
    await this.commands.eval(LOWER_FOR_ALL, 1, CATALOGUE, FENCED + fence);
  }

  private async answered<T>(command: Promise<T>): Promise<T> {
    try {
      return await command;
    } catch (error) {
      giveUpIfFrozen(this.redis, error);
      throw error;
    }
  }

  /** Sends again what was not answered: this process may have been too busy to hear it. */
  private async arrived(send: () => Promise<unknown>): Promise<void> {
    for (let attempt = 1; ; attempt++)
      try {
        await send();
        return;
      } catch (error) {
        if (attempt < ATTEMPTS && wasNotAnswered(error)) continue;
        giveUpIfFrozen(this.commands, error);
        throw error;
      }
  }
}

/** Takes away what is kept of a user, unless a fence other than this one stands before a change that is coming. */
export async function dropDecisions(redis: Redis, userId: string, fence = ""): Promise<void> {
  await redis.eval(LOWER, 1, userKey(userId), fence);
}

const take = ({ userId }: Look, run: Run) => run(userKey(userId), randomUUID(), ENTRY_MS);

/** Whether it is about a script that Redis does not know. */
const isUnknown = (reply: Reply) =>
  reply.status === "rejected" && String((reply.reason as Error).message).startsWith("NOSCRIPT");

/** Neither a fence nor a lease. */
function isNothing(reply: Reply | undefined): boolean {
  if (reply?.status !== "fulfilled") return false;
  const [fence, lease] = reply.value as (string | null)[];
  return fence === null && lease === null;
}

function shelfIn(reply: Reply): Shelf {
  if (reply.status === "rejected") return { lease: null, texts: [] };
  const [fence, lease = null, ...rest] = reply.value as (string | null)[];
  if (fence) return { lease: null, texts: [] };
  const texts: [text: string, fields: string[]][] = [];
  for (let at = 0; at < rest.length; at += 2)
    if (rest[at] !== "lease") texts.push([rest[at] as string, (rest[at + 1] as string).split(BETWEEN)]);
  return { lease, texts };
}

function scriptOf(lines: string): Script {
  const text = `if #KEYS == 0 then return end${lines}`;
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

/** All that there is of a user, behind what is asked of whom is known: whether it stands. */
const READ = scriptOf(`
  if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('HSET', KEYS[1], 'lease', ARGV[1])
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return { false, ARGV[1] }
  end
  local kept = redis.call('HMGET', KEYS[1], '${STANDING.join("', '")}')
  local all = redis.call('HGETALL', KEYS[1])
  for nth = 1, #all do kept[nth + ${STANDING.length}] = all[nth] end
  return kept`);

/** Each text is followed by its fields, which are added to those that have it; what is too long begins anew. */
const ADD = scriptOf(`
  if redis.call('HGET', KEYS[1], 'lease') ~= ARGV[1] then return end
  for at = 2, #ARGV, 2 do
    local had, fields = redis.call('HGET', KEYS[1], ARGV[at]), ARGV[at + 1]
    if had and #had < ${LONGEST} then fields = had .. '\\n' .. fields end
    redis.call('HSET', KEYS[1], ARGV[at], fields)
  end`);

const RAISE = `
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'fence', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

const LOWER = `
  local fence = redis.call('HGET', KEYS[1], 'fence')
  if not fence or fence == ARGV[1] then redis.call('DEL', KEYS[1]) end`;

/** Without a fence a generation may have been made, and filled, before the change. */
const LOWER_FOR_ALL = `
  local kept = redis.call('GET', KEYS[1])
  if kept and (kept == ARGV[1] or string.sub(kept, 1, ${FENCED.length}) ~= '${FENCED}') then
    redis.call('DEL', KEYS[1])
  end`;

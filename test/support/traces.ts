import { Redis } from "ioredis";

type Execute = (sql: string) => Promise<object[]>;

/** Columns that may hold words of any kind. */
const COLUMNS = `
  select table_name, column_name from information_schema.columns
   where table_schema = 'public' and data_type in ('text', 'json', 'jsonb', 'character varying', 'ARRAY')`;

/** Where one of these words stands, in PostgreSQL and in Redis: `<table>.<column>: <word>`, or `redis <key>: <word>`. */
export async function tracesOf(execute: Execute, redisUrl: string, words: string[]): Promise<string[]> {
  const columns = (await execute(COLUMNS)) as { table_name: string; column_name: string }[];
  const asked = `'${JSON.stringify(words).replaceAll("'", "''")}'::jsonb`;
  const looks = columns.map(
    ({ table_name: table, column_name: column }) =>
      `select '${table}.${column}: ' || word as trace from jsonb_array_elements_text(${asked}) word
        where exists (select 1 from "${table}" where "${column}"::text like '%' || word || '%')`,
  );
  const traces = (await execute(looks.join(" union all "))) as { trace: string }[];
  return [...traces.map(({ trace }) => trace), ...(await tracesInRedis(redisUrl, words))];
}

async function tracesInRedis(url: string, words: string[]): Promise<string[]> {
  const redis = new Redis(url);
  const found: string[] = [];
  for (const key of await redis.keys("*")) {
    const type = await redis.type(key);
    const held = {
      hash: () => redis.hgetall(key),
      stream: () => redis.xrange(key, "-", "+"),
      string: () => redis.get(key),
    }[type as "hash"]?.();
    const text = `${key} ${JSON.stringify(await held)}`;
    for (const word of words) if (text.includes(word)) found.push(`redis ${key}: ${word}`);
  }
  redis.disconnect();
  return found;
}

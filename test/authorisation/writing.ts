import type { TestService } from "../support/service.ts";

/** All rows of all tables, each table as a hash, and how often Stripe was asked to change something. */
export async function everythingKept({ app, sandbox }: TestService): Promise<Record<string, unknown>> {
  const em = app.parts.orm.em.fork();
  const tables = await em.execute<{ name: string }[]>(
    "select table_name as name from information_schema.tables where table_schema = 'public' order by 1",
  );
  const hashes = tables.map(
    ({ name }) =>
      `select '${name}' as name, count(*)::int as rows, md5(string_agg(t::text, '|' order by t::text)) as hash from "${name}" t`,
  );
  const rows = await em.execute<{ name: string; rows: number; hash: string }[]>(hashes.join(" union all "));
  const answer = await fetch(`${sandbox.url}/sandbox/requests`);
  const { requests } = (await answer.json()) as { requests: { method: string }[] };
  return {
    ...Object.fromEntries(rows.map(({ name, ...row }) => [name, row])),
    "changes at Stripe": requests.filter(({ method }) => method !== "GET").length,
  };
}

import { invalidParameter } from "../errors.ts";
import type { Kind, Kinds } from "../kinds.ts";
import { integer, required, text } from "../params.ts";
import { type Route, route } from "../router.ts";
import type { Transaction } from "../transaction.ts";
import { type Clause, parseQuery } from "./query.ts";

type Value = string | number | boolean | null | undefined;

/** Something that can be searched for in rows of a kind, and how. */
interface SearchField<T> {
  /** `text` knows `~` as well, `number` the comparisons; the rest is equal or not. */
  type: "number" | "text" | "token";
  read(row: T): Value;
}

/** What each resource can be searched by, besides `metadata["key"]`, which all know. */
type SearchFields<T> = Record<string, SearchField<T>>;

export const textField = <T>(read: (row: T) => Value): SearchField<T> => ({ type: "text", read });
export const tokenField = <T>(read: (row: T) => Value): SearchField<T> => ({ type: "token", read });
export const numberField = <T>(read: (row: T) => Value): SearchField<T> => ({ type: "number", read });

const MIN_SUBSTRING = 3;

const shape = { query: required(text()), limit: integer({ min: 1, max: 100 }), page: text() };

/** `GET /v1/{noun}/search`: newest first, page by page. https://docs.stripe.com/search */
export function searchRoute<K extends Kind>(
  kind: K,
  noun: string,
  fields: SearchFields<Kinds[K] & { metadata: Record<string, string> | null }>,
): Route {
  const url = `/v1/${noun}/search`;
  return route("GET", url, shape, (tx, { query, limit = 10, page }, _path, expand) => {
    const { clauses, any } = parseQuery(query);
    const tests = clauses.map((clause) => testOf(clause, fields as SearchFields<object>, noun));
    const matches = (row: object) => (any ? tests.some((t) => t(row)) : tests.every((t) => t(row)));
    const data: object[] = [];
    let last: string | null = null;
    let has_more = false;
    for (const row of tx.newest(
      kind,
      undefined,
      page === undefined ? undefined : afterPage(tx, kind, page),
    )) {
      const seen = tx.environment.searchLag.seen(kind, row, tx.ownNow);
      if (!seen || !matches(seen)) continue;
      has_more = data.length === limit;
      if (has_more) break;
      data.push(seen);
      last = row.id;
    }
    return {
      object: "search_result",
      data,
      has_more,
      next_page: has_more && last ? pageAfter(last) : null,
      url,
      ...(expand.includes("total_count") && { total_count: total(tx, kind, matches) }),
    };
  });
}

function total(tx: Transaction, kind: Kind, matches: (row: object) => boolean): number {
  let count = 0;
  for (const row of tx.newest(kind)) {
    const seen = tx.environment.searchLag.seen(kind, row, tx.ownNow);
    if (seen && matches(seen)) count += 1;
  }
  return count;
}

const pageAfter = (id: string) => Buffer.from(id).toString("base64url");

function afterPage(tx: Transaction, kind: Kind, page: string): number {
  const sequence = tx.sequence(kind, Buffer.from(page, "base64url").toString());
  if (sequence === undefined) throw invalidParameter("page", "Invalid page: it is none that a search gave.");
  return sequence;
}

const own = (fields: SearchFields<object>, name: string) =>
  Object.hasOwn(fields, name) ? fields[name] : undefined;

/** A clause as a question to a row. */
function testOf(clause: Clause, fields: SearchFields<object>, noun: string): (row: object) => boolean {
  const field = clause.key === null ? own(fields, clause.field) : metadataField(clause.key);
  if (!field || (clause.key !== null && clause.field !== "metadata")) {
    throw invalidParameter(
      "query",
      `Field \`${clause.field}\` is an unsupported search field for resource \`${noun}\`. See http://stripe.com/docs/search#query-fields-for-${noun.replace("_", "-")} for a list of supported fields.`,
    );
  }
  const test = comparison(clause, field);
  return clause.negated ? (row) => !test(field.read(row)) : (row) => test(field.read(row));
}

const metadataField = (key: string): SearchField<object> => ({
  type: "text",
  read: (row) => (row as { metadata?: Record<string, string> | null }).metadata?.[key],
});

function comparison({ field: name, operator, value }: Clause, field: SearchField<object>) {
  const refuse = (why: string) => invalidParameter("query", `Invalid search query: ${why}`);
  if (value === null) {
    if (operator !== ":") throw refuse(`null can only be compared by \`:\`, for field \`${name}\`.`);
    return (actual: Value) => actual === null || actual === undefined;
  }
  if (field.type === "number") return numeric(name, operator, value);
  if (operator === ":") {
    const wanted = value.toLowerCase();
    return (actual: Value) => actual != null && String(actual).toLowerCase() === wanted;
  }
  if (operator !== "~" || field.type !== "text") {
    throw refuse(`the operator \`${operator}\` is not supported for field \`${name}\`.`);
  }
  if (value.length < MIN_SUBSTRING) {
    throw refuse(`a substring must be at least ${MIN_SUBSTRING} characters long, for field \`${name}\`.`);
  }
  return (actual: Value) => actual != null && String(actual).toLowerCase().includes(value.toLowerCase());
}

function numeric(name: string, operator: Clause["operator"], value: string) {
  const wanted = Number(value);
  if (value.trim() === "" || Number.isNaN(wanted) || operator === "~") {
    throw invalidParameter("query", `Invalid search query: field \`${name}\` is compared with numbers.`);
  }
  const compare: Record<string, (actual: number) => boolean> = {
    ":": (actual) => actual === wanted,
    "=": (actual) => actual === wanted,
    ">": (actual) => actual > wanted,
    "<": (actual) => actual < wanted,
    ">=": (actual) => actual >= wanted,
    "<=": (actual) => actual <= wanted,
  };
  return (actual: Value) => typeof actual === "number" && compare[operator]!(actual);
}

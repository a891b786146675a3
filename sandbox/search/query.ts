import { invalidParameter } from "../errors.ts";

/** `-field:"value"`, or `metadata["key"]~"value"`. */
export interface Clause {
  field: string;
  /** The key, for `metadata`. */
  key: string | null;
  operator: ":" | "~" | ">" | "<" | ">=" | "<=" | "=";
  /** Null for the word null: the field is not there. */
  value: string | null;
  negated: boolean;
}

interface SearchQuery {
  clauses: Clause[];
  /** Whether one match is enough: OR. */
  any: boolean;
}

const MAX_CLAUSES = 10;

const QUOTED = String.raw`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'`;
const CLAUSE = new RegExp(
  String.raw`^(-?)([a-z_]+(?:\.[a-z_0-9]+)*)(?:\[(${QUOTED})\])?\s*(>=|<=|[:~><=])\s*(${QUOTED}|-?\d+(?:\.\d+)?\b|null\b)`,
  "i",
);
const CONNECTOR = /^(?:\s+(AND|OR)\s+|\s+)(?=\S)/i;

const unquoted = (text: string) => text.slice(1, -1).replace(/\\(.)/g, "$1");

/**
 * Reads Stripe's search query language: clauses joined by AND (or a space) or by OR, never both; no
 * brackets. Throws Stripe's refusal of anything else.
 * https://docs.stripe.com/search#search-query-language
 */
export function parseQuery(query: string): SearchQuery {
  const clauses: Clause[] = [];
  const connectors = new Set<string>();
  for (let rest = query.trim(); ; ) {
    const match = CLAUSE.exec(rest);
    if (!match) throw unreadable();
    clauses.push(clauseOf(match));
    rest = rest.slice(match[0].length);
    if (rest === "") break;
    const connector = CONNECTOR.exec(rest);
    if (!connector) throw unreadable();
    connectors.add(connector[1]?.toUpperCase() ?? "AND");
    rest = rest.slice(connector[0].length);
  }
  if (connectors.size > 1) {
    throw invalidParameter("query", "You cannot use both AND and OR in the same search query.");
  }
  if (clauses.length > MAX_CLAUSES) {
    throw invalidParameter("query", `A search query can have at most ${MAX_CLAUSES} clauses.`);
  }
  return { clauses, any: connectors.has("OR") };
}

function clauseOf([, minus, field = "", key, operator, value = ""]: RegExpExecArray): Clause {
  const isQuoted = /^["']/.test(value);
  return {
    field,
    key: key === undefined ? null : unquoted(key),
    operator: operator as Clause["operator"],
    value: isQuoted ? unquoted(value) : value.toLowerCase() === "null" ? null : value,
    negated: minus === "-",
  };
}

const unreadable = () =>
  invalidParameter(
    "query",
    "We were unable to parse your search query. See https://stripe.com/docs/search#search-query-language for how to write one.",
  );

/**
 * Who asks. "owner" is whose things are asked for; "other" owns the same of their own; "bad token" brings one that
 * cannot be trusted.
 */
export const CALLERS = ["anonymous", "owner", "other", "admin", "service", "bad token"] as const;
export type CallerName = (typeof CALLERS)[number];

/**
 * A word for each of {@link CALLERS}, in their order: `ok` a value, `null` nothing and no error, `none` an empty list,
 * a code of an error, and `-` where no way leads there.
 */
export type Row = string;

const SHORT: Record<string, string> = {
  U: "UNAUTHENTICATED",
  F: "FORBIDDEN",
  N: "NOT_FOUND",
  B: "BAD_USER_INPUT",
};
/** What a refusal is; whatever else a caller is told, they got past it. */
export const REFUSALS: readonly string[] = Object.values(SHORT);

export const PUBLIC: Row = "ok ok ok ok ok ok";
/** Nobody signed in is fine, a token that is not is not, and a service is nobody in person. */
export const VIEWER: Row = "ok ok ok ok B U";
/** Whatever the caller has of it. */
export const OWN: Row = "U ok ok ok B U";
/** A row of the owner's, by its id: another is told no more than of a row that there is not. */
export const BY_ID: Row = "U ok null ok ok U";
export const OF_NOBODY: Row = "U null null null null U";
/** The owner is named: another is told that they may not. */
export const OF_USER: Row = "U ok F ok ok U";
/** The owner is named, of what is for them in person and for admins: not for what calls like them. */
export const OF_PERSON: Row = "U ok F ok F U";
/** Something done with a row of the owner's: another's is not there. */
export const CHANGE: Row = "U ok N ok ok U";
/** The same, of what not even staff may change. */
export const OWN_CHANGE: Row = "U ok N N B U";
export const STAFF: Row = "U F F ok ok U";
export const ADMIN: Row = "U F F ok F U";

/** Of fields of what belongs to somebody: whoever is shown the whole is shown the field. */
export const OWNED: Row = "- ok - ok ok -";
/** Of fields of what only admins are shown. */
export const ADMINS: Row = "- - - ok - -";
/** Of fields whose value is for the owner's eyes. */
export const SECRET: Row = "- ok - null null -";
/** Of fields of what a caller makes for themselves, as users do. */
export const MADE: Row = "- ok - ok - -";

/** What a row says of a caller. @throws Error for a row that has not as many words as there are callers */
export function outcomeIn(row: Row, caller: CallerName): string {
  const words = row.split(" ");
  if (words.length !== CALLERS.length) throw new Error(`"${row}" has not a word for each caller`);
  const word = words[CALLERS.indexOf(caller)] as string;
  return SHORT[word] ?? word;
}

/** Rows of fields that say something else on one way than everywhere. */
export type Except = Record<string, Row>;
/** Outcomes by the way to what is asked for: see `ways.ts`. */
export type Table = Record<string, Row | [Row, Except]>;

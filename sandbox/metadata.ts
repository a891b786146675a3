import { invalidParameter } from "./errors.ts";
import type { Param } from "./params.ts";

/** A change to metadata: `null` clears it, an empty value deletes its key. */
export type MetadataChange = Record<string, string> | null;

const MAX_KEYS = 50;

/** https://docs.stripe.com/api/metadata: 50 keys, keys up to 40 characters, values up to 500. */
export const metadata: Param<MetadataChange> = {
  read(raw, path) {
    if (raw === "") return null;
    if (typeof raw !== "object") throw invalidParameter(path, "Invalid object");
    const entries = Object.entries(raw);
    for (const [key, value] of entries) {
      const name = `${path}[${key}]`;
      if (typeof value !== "string")
        throw invalidParameter(
          name,
          `Metadata values must be strings, but for key \`${key}\` you passed a hash or list.`,
        );
      if (key.length > 40)
        throw invalidParameter(
          name,
          `Metadata keys can have up to 40 characters, but you passed in a key that is ${key.length} characters.`,
        );
      if (value.length > 500)
        throw invalidParameter(
          name,
          `Metadata values can have up to 500 characters, but you passed in a value that is ${value.length} characters. Invalid value: ${value}`,
        );
    }
    return Object.fromEntries(entries) as Record<string, string>;
  },
};

/** The metadata after a change. */
export function withMetadata(
  before: Record<string, string>,
  change: MetadataChange | undefined,
): Record<string, string> {
  if (change === undefined) return before;
  const after = Object.fromEntries(
    Object.entries(change === null ? {} : { ...before, ...change }).filter(([, value]) => value !== ""),
  );
  const count = Object.keys(after).length;
  if (count > MAX_KEYS) {
    throw invalidParameter(
      "metadata",
      `You can only specify up to ${MAX_KEYS} metadata keys, but you passed in ${count}.`,
    );
  }
  return after;
}

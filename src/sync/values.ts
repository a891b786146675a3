/** Stripe counts seconds; null and undefined are the same absence. */
export function instantOf(seconds: number | null | undefined): Date | null {
  return seconds == null ? null : new Date(seconds * 1000);
}

/** The id of something that Stripe gives as an id or, expanded, as the whole object. */
export function idOf(reference: string | { id: string }): string;
export function idOf(reference: string | { id: string } | null | undefined): string | null;
export function idOf(reference: string | { id: string } | null | undefined): string | null {
  if (reference == null) return null;
  return typeof reference === "string" ? reference : reference.id;
}

/** ISO 4217 as we write it. */
export const currencyOf = (currency: string) => currency.toUpperCase();

/** One of Stripe's words in our spelling. */
export const wordOf = <T extends string>(word: string) => word.toUpperCase() as T;

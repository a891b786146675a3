const PUBLIC = "public, max-age=60";

/**
 * The `cache-control` of an answer: `no-store`, except for documents made of public fields only, answered without
 * errors to somebody who has shown no token.
 */
export const cacheControl = (isPublic: boolean, authorization: string | null | undefined): string =>
  isPublic && !authorization ? PUBLIC : "no-store";

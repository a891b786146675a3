import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** Whether a request has the secret that the router shares with us, in the header `router-secret`. */
export function hasRouterSecret({ headers }: IncomingMessage, secret: string | undefined): boolean {
  const given = headers["router-secret"];
  return secret !== undefined && typeof given === "string" && isSame(given, secret);
}

/** Takes as long for one that is nearly right as for any other. */
function isSame(given: string, secret: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}

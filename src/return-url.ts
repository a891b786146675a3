import type { Config } from "./config.ts";
import { BadUserInput } from "./errors.ts";

/** Whether a URL's host is this machine. */
export const isLoopback = (host: string) => ["localhost", "127.0.0.1", "[::1]"].includes(host);

const LONGEST = 2_000;

/** @throws BadUserInput naming the field, for a URL that a client may not be sent back to */
export function assertReturnUrl(config: Config, field: string, value: string): void {
  if (!isReturnUrl(config, value))
    throw new BadUserInput(
      field,
      "This must be an https URL of an origin in RETURN_URL_ORIGINS (or CORS_ORIGIN); any loopback address is fine in development.",
    );
}

/** Whether a client may be sent back to this URL: https and an allowed origin, or loopback in development. */
export function isReturnUrl(config: Config, value: string): boolean {
  // parsers disagree about these, and what is checked here is not what a browser would go to
  if (value.length > LONGEST || /[\s\\\p{Cc}]/u.test(value) || !URL.canParse(value)) return false;
  const url = new URL(value);
  if (url.username || url.password) return false;
  if (config.nodeEnv !== "production" && isLoopback(url.hostname) && /^https?:$/.test(url.protocol))
    return true;
  return url.protocol === "https:" && config.returnUrlOrigins.includes(url.origin);
}

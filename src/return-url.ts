import type { Config } from "./config.ts";

const isLoopback = (host: string) => ["localhost", "127.0.0.1", "[::1]"].includes(host);

/** Whether a client may be sent back to this URL after paying: https and an allowed origin, or loopback in development. */
export function isReturnUrl(config: Config, value: string): boolean {
  // parsers disagree about these, and what is checked here is not what a browser would go to
  if (/[\s\\\p{Cc}]/u.test(value) || !URL.canParse(value)) return false;
  const url = new URL(value);
  if (url.username || url.password) return false;
  if (config.nodeEnv !== "production" && isLoopback(url.hostname) && /^https?:$/.test(url.protocol))
    return true;
  return url.protocol === "https:" && config.returnUrlOrigins.includes(url.origin);
}

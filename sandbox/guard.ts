import type { HttpRequest } from "./http.ts";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]", "::1"]);

function hostname(authority: string): string {
  return authority.toLowerCase().replace(/:\d+$/, "");
}

/**
 * Whether a web page of another origin may be behind this request: its Host is a name that was made
 * to point here (DNS rebinding), or its Origin is not the sandbox's own.
 */
export function isForeign(request: HttpRequest, boundHost: string): boolean {
  const own = (name: string) => LOOPBACK.has(name) || name === boundHost.toLowerCase();
  const { host = "", origin } = request.headers;
  if (!own(hostname(host))) return true;
  return origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`;
}

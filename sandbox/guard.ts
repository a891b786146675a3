import type { HttpRequest } from "./http.ts";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Whether a browser sent this for a page of another origin. */
export function isCrossOrigin({ headers }: HttpRequest): boolean {
  const { host = "", origin } = headers;
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== host.toLowerCase();
}

/**
 * Whether a web page of another origin may be behind this request: its Host is a name that was made
 * to point here (DNS rebinding), or its Origin is not the sandbox's own.
 */
export function isForeign(request: HttpRequest, ownHosts: string[]): boolean {
  const name = (request.headers.host ?? "").toLowerCase().replace(/:\d+$/, "");
  const isOwn = LOOPBACK.has(name) || ownHosts.some((own) => [own, `[${own}]`].includes(name));
  return !isOwn || isCrossOrigin(request);
}

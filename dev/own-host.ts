import { isIP } from "node:net";
import type { RequestHandler } from "express";

/**
 * Whether a Host header can only mean this machine: a loopback name, an address, or the name it listens by. Any
 * other name may have been made to point here by a foreign page (DNS rebinding), which could then read the answer.
 */
export function isOwnHost(header: string | undefined, boundHost: string): boolean {
  if (!header || !URL.canParse(`http://${header}`)) return false;
  const name = new URL(`http://${header}`).hostname;
  return name === "localhost" || name === boundHost.toLowerCase() || isIP(name.replace(/^\[|\]$/g, "")) !== 0;
}

/** For pages that hold what is nobody else's. */
export function ownHostOnly(boundHost: string): RequestHandler {
  return (request, response, next) => {
    if (isOwnHost(request.headers.host, boundHost)) return next();
    response
      .status(403)
      .type("text")
      .send("This page is for this machine alone: open it as localhost, or by the machine's address.\n");
  };
}

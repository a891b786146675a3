import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import cors from "cors";
import type { RequestHandler } from "express";
import helmet from "helmet";
import type { Config } from "../config.ts";

/** Who may read GraphQL answers in a browser. */
export const corsOf = ({ corsOrigins }: Config): RequestHandler =>
  cors({ origin: [...corsOrigins], credentials: true });

/**
 * The headers that every GraphQL answer has, by the origin of the page that asks (undefined: no page); origins that
 * are not configured are not in it. They are what the middleware itself sets, asked once.
 */
export function standingHeaders(config: Config): Map<string | undefined, readonly string[]> {
  const middlewares = [helmet(), corsOf(config)];
  return new Map(
    [undefined, ...config.corsOrigins].map((origin) => [origin, headersBy(middlewares, origin)] as const),
  );
}

function headersBy(middlewares: RequestHandler[], origin: string | undefined): string[] {
  const request = new IncomingMessage(new Socket());
  request.method = "POST";
  if (origin !== undefined) request.headers.origin = origin;
  const response = new ServerResponse(request);
  for (const middleware of middlewares) middleware(request as never, response as never, () => {});
  return Object.entries(response.getHeaders()).flatMap(([name, value]) => [name, String(value)]);
}

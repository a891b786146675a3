import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { Api } from "./api.ts";
import { serveControl } from "./control/index.ts";
import { ApiError, ownFault } from "./errors.ts";
import { isForeign } from "./guard.ts";
import { BodyTooLarge, json, readRequest, refusal, writeReply } from "./http.ts";
import { servePage } from "./pages/index.ts";
import { serveInspector } from "./pages/inspector/index.ts";
import { routes } from "./resources/index.ts";
import { Router } from "./router.ts";
import type { World } from "./world.ts";

/**
 * The HTTP server in front of a world: Stripe's API, the sandbox's own paths, and its pages.
 * @param ownHosts by what names, besides loopback's, the sandbox's own paths may be asked for
 */
export function createServer(world: World, ownHosts: string[]): http.Server {
  const api = new Api(world, new Router(routes));
  return http.createServer((incoming, response) => {
    serve({ api, world, ownHosts }, incoming, response).catch((error: unknown) => {
      const told = error instanceof ApiError ? error : ownFault(world.log, "at a request", error);
      writeReply(response, refusal(told));
    });
  });
}

interface Parts {
  api: Api;
  world: World;
  ownHosts: string[];
}

async function serve({ api, world, ownHosts }: Parts, incoming: IncomingMessage, response: ServerResponse) {
  const request = await readRequest(incoming).catch((error: unknown) => {
    if (!(error instanceof BodyTooLarge)) throw error;
    const message = "The request body is too large.";
    // What is left of the body is not read: the next request cannot come on this connection.
    const headers = { connection: "close" };
    writeReply(response, json(413, { error: { type: "invalid_request_error", message } }, headers));
  });
  if (!request) return;
  const { path } = request;
  const isOwn = path === "/sandbox" || path.startsWith("/sandbox/");
  if (isOwn && isForeign(request, ownHosts)) {
    const message =
      "The sandbox's own paths answer only to their own host and origin; ALLOWED_HOSTS may name others.";
    return writeReply(response, json(403, { error: { type: "invalid_request_error", message } }));
  }
  if (isOwn) {
    return writeReply(response, serveInspector(world, request) ?? (await serveControl(world, request)));
  }
  const page = path.startsWith("/v1/") ? undefined : servePage(world, request);
  if (page) return writeReply(response, page);
  return api.serve(request, response);
}

import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { Api } from "./api.ts";
import { serveControl } from "./control.ts";
import { isForeign } from "./guard.ts";
import { BodyTooLarge, type HttpRequest, json, readRequest, writeReply } from "./http.ts";
import { servePage } from "./pages/index.ts";
import { serveInspector } from "./pages/inspector/index.ts";
import { routes } from "./resources/index.ts";
import { Router } from "./router.ts";
import type { World } from "./world.ts";

/** The HTTP server in front of a world: Stripe's API, the sandbox's own paths, and its pages. */
export function createServer(world: World, boundHost: string): http.Server {
  const api = new Api(world, new Router(routes));
  return http.createServer((incoming, response) => {
    serve(api, world, boundHost, incoming, response).catch((error: unknown) => {
      world.log(`request failed: ${error instanceof Error ? error.stack : error}`);
      writeReply(
        response,
        json(500, {
          error: { type: "api_error", message: "The sandbox itself has failed; its log says more." },
        }),
      );
    });
  });
}

async function serve(
  api: Api,
  world: World,
  boundHost: string,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let request: HttpRequest;
  try {
    request = await readRequest(incoming);
  } catch (error) {
    if (!(error instanceof BodyTooLarge)) throw error;
    return writeReply(
      response,
      json(413, { error: { type: "invalid_request_error", message: "The request body is too large." } }),
    );
  }
  const { path } = request;
  const isOwn = path === "/sandbox" || path.startsWith("/sandbox/");
  if (isOwn && isForeign(request, boundHost)) {
    const message = "The sandbox's own paths answer only to their own host and origin.";
    return writeReply(response, json(403, { error: { type: "invalid_request_error", message } }));
  }
  if (isOwn) {
    return writeReply(response, serveInspector(world, request) ?? (await serveControl(world, request)));
  }
  const page = path.startsWith("/v1/") ? undefined : servePage(world, request);
  if (page) return writeReply(response, page);
  return api.serve(request, response);
}

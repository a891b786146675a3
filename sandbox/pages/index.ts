import type { HttpReply, HttpRequest } from "../http.ts";
import type { World } from "../world.ts";

/** The sandbox's pages for people; undefined for a path that is none of them. */
export function servePage(_world: World, _request: HttpRequest): HttpReply | undefined {
  return undefined;
}

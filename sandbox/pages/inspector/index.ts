import { ApiError } from "../../errors.ts";
import { decodeForm } from "../../form.ts";
import type { HttpReply, HttpRequest } from "../../http.ts";
import type { World } from "../../world.ts";
import { html } from "../html.ts";
import { act } from "./actions.ts";
import { showEvents } from "./events.ts";
import { type Query, showKinds, showList } from "./list.ts";
import { showObject } from "./object.ts";
import { showOverview } from "./overview.ts";
import { inspectorPage } from "./parts.ts";
import { showRequests } from "./requests.ts";
import { plainViews, views } from "./views.ts";

/** The sandbox's page about itself: `/sandbox` and what lies under it. Undefined for a path that is none of it. */
export function serveInspector(world: World, request: HttpRequest): HttpReply | undefined {
  try {
    return answer(world, request);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return failure(world, error);
  }
}

function answer(world: World, request: HttpRequest): HttpReply | undefined {
  const { method, path } = request;
  const [, , section = "", name = "", ...rest] = path.split("/");
  if (rest.length > 0) return undefined;
  if (method === "POST") return section === "do" ? act(world, request, name) : undefined;
  if (method !== "GET") return undefined;
  if (section === "" && name === "") return showOverview(world);
  if (section === "object") return showObject(world, name || (readQuery(request).id ?? ""));
  return section === "view" ? showView(world, request, name) : undefined;
}

function showView(world: World, request: HttpRequest, name: string): HttpReply | undefined {
  const query = readQuery(request);
  if (name === "events") return showEvents(world, query);
  if (name === "requests") return showRequests(world);
  if (name === "all") return showKinds(world);
  const view = [...views, ...plainViews].find((candidate) => candidate.name === name);
  return view && showList(world, view, query);
}

/** The filters in an address; what is empty asks for nothing. */
function readQuery({ query }: HttpRequest): Query {
  const filters: Query = {};
  for (const [name, value] of Object.entries(decodeForm(query))) {
    if (typeof value === "string" && value.trim() !== "") filters[name] = value.trim();
  }
  return filters;
}

function failure(world: World, { status, message }: ApiError): HttpReply {
  return inspectorPage(world, {
    title: "That did not work",
    status,
    body: html`<section class="card"><h2>That did not work</h2><p class="error" role="alert">${message}</p><p><a href="/sandbox">Back to the overview</a></p></section>`,
  });
}

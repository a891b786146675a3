import type { HttpReply } from "../../http.ts";
import type { LoggedRequest } from "../../request-log.ts";
import type { World } from "../../world.ts";
import { html } from "../html.ts";
import { inspectorPage } from "./parts.ts";
import { rowsTable } from "./rows.ts";
import type { Column } from "./views.ts";

const SHOWN = 100;

const toneOf = (status: number | null) => (status === null || status >= 400 ? "bad" : "good");

const COLUMNS: Column<LoggedRequest>[] = [
  { title: "When", of: (request) => ({ at: Math.floor(Date.parse(request.time) / 1000) }) },
  { title: "Request", of: (request) => ({ text: html`<code>${request.method} ${request.path}</code>` }) },
  {
    title: "Answer",
    of: ({ status }) => ({ text: html`<span class="tag ${toneOf(status)}">${status ?? "none"}</span>` }),
  },
  {
    title: "Parameters",
    of: ({ params }) => ({
      text: Object.keys(params).length > 0 ? html`<code>${JSON.stringify(params)}</code>` : null,
    }),
  },
];

/** `GET /sandbox/view/requests`: the latest calls of the API. */
export function showRequests(world: World): HttpReply {
  const latest = world.requests.list().slice(-SHOWN).reverse();
  return inspectorPage(world, {
    title: "Requests",
    tab: "requests",
    body: html`<section class="card"><h2>Latest requests</h2>${rowsTable(world, { columns: COLUMNS, rows: latest, whenEmpty: "Nobody has asked yet." })}</section>`,
  });
}

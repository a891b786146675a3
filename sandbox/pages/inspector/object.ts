import { renderEvent } from "../../events/render.ts";
import type { HttpReply } from "../../http.ts";
import type { StoredEvent } from "../../kinds.ts";
import type { World } from "../../world.ts";
import { Html, html } from "../html.ts";
import { deliverySection, eventColumns } from "./events.ts";
import { find } from "./find.ts";
import { inspectorPage, link, tag } from "./parts.ts";
import { rowsTable } from "./rows.ts";
import { views } from "./views.ts";

const EVENTS_SHOWN = 10;
/** How far back to look for events about an object. */
const EVENTS_SEARCHED = 5000;

/** `GET /sandbox/object/:id`: an object as it is stored, and what happened to it. */
export function showObject(world: World, id: string): HttpReply {
  const found = find(world, id);
  if (!found) {
    return inspectorPage(world, {
      title: "Not found",
      status: 404,
      body: html`<section class="card"><h2>There is no such object</h2><p class="soft">Nothing here has the id <code>${id}</code>.</p></section>`,
    });
  }
  const { kind, row } = found;
  const isEvent = kind === "event";
  const value = isEvent ? renderEvent(world.store, row as unknown as StoredEvent) : row;
  return inspectorPage(world, {
    title: id,
    tab: isEvent ? "events" : (views.find((view) => view.kind === kind)?.name ?? "all"),
    body: html`<div class="cards"><section class="card"><h2>${isEvent ? (row as unknown as StoredEvent).type : kind.replaceAll(/[._]/g, " ")} ${tag(row.status)}</h2>
<p class="soft"><code>${id}</code></p>${kind === "customer" && whatIsTheirs(id)}</section>
${isEvent ? deliverySection(world, id) : aboutIt(world, id)}
<section class="card"><h2>JSON</h2><pre>${linkedJson(world, value, id)}</pre></section>
</div>`,
  });
}

function whatIsTheirs(customer: string): Html {
  const theirs = [...views.filter(({ byCustomer }) => byCustomer), { name: "events", title: "Events" }];
  return html`<p>${theirs.map(
    ({ name, title }) => html`<a href="/sandbox/view/${name}?customer=${customer}">${title}</a> `,
  )}</p>`;
}

function aboutIt(world: World, id: string): Html | null {
  const events: StoredEvent[] = [];
  let searched = 0;
  for (const event of world.store.newest("event")) {
    if ((event.data.object as { id: string }).id === id) events.push(event);
    if (events.length === EVENTS_SHOWN || ++searched === EVENTS_SEARCHED) break;
  }
  return html`<section class="card"><h2>Events about it</h2>${rowsTable(world, { columns: eventColumns(world), rows: events, whenEmpty: "None." })}</section>`;
}

const ID = /"([a-z]+(?:_[a-z]+)*_[A-Za-z0-9_]+)"/g;

/** Pretty-printed JSON in which each id of an object that is here leads to it. */
function linkedJson(world: World, value: object, own: string): Html {
  const text = JSON.stringify(value, null, 2);
  const pieces: Html[] = [];
  let end = 0;
  for (const match of text.matchAll(ID)) {
    const id = match[1]!;
    if (id === own || !find(world, id)) continue;
    pieces.push(html`${text.slice(end, match.index)}"${link(id)}"`);
    end = match.index + match[0].length;
  }
  return html`${pieces}${text.slice(end)}`;
}

import type { Upcoming } from "../../due.ts";
import type { HttpReply } from "../../http.ts";
import type { Kinds } from "../../kinds.ts";
import type { World } from "../../world.ts";
import { type Html, html } from "../html.ts";
import { eventColumns } from "./events.ts";
import { hidden, inspectorPage, link, moment, tag } from "./parts.ts";
import { rowsTable } from "./rows.ts";
import type { Column } from "./views.ts";

const EVENTS_SHOWN = 10;
const DUE_SHOWN = 8;
const CLOCKS_SHOWN = 10;

/** `GET /sandbox`: what time it is, what comes next, and what happened last. */
export function showOverview(world: World): HttpReply {
  const clocks = first(world.store.newest("test_helpers.test_clock"), CLOCKS_SHOWN);
  const events = first(world.store.newest("event"), EVENTS_SHOWN);
  return inspectorPage(world, {
    title: "Overview",
    tab: "",
    body: html`<div class="cards halves">
<div class="stack"><section class="card"><h2>The sandbox's time</h2><p class="clock">${moment(world.clock.now())}</p>
<p class="soft">${ahead(world.clock.offsetMs)}</p>${moveForm()}</section>
${faults(world)}</div>
<section class="card"><h2>What is due next</h2>${due(world, "")}</section>
</div>
<div class="cards">
${clocks.map((clock) => clockCard(world, clock))}
<section class="card"><h2>Webhook endpoints</h2>${rowsTable(world, {
      columns: endpointColumns(world),
      rows: first(world.store.newest("webhook_endpoint"), EVENTS_SHOWN),
      whenEmpty: "None is registered.",
    })}</section>
<section class="card"><h2>Latest events</h2>${rowsTable(world, { columns: eventColumns(world), rows: events, whenEmpty: "Nothing has happened yet." })}</section>
</div>`,
  });
}

function first<T>(rows: Iterable<T>, count: number): T[] {
  const found: T[] = [];
  for (const row of rows) {
    if (found.push(row) === count) break;
  }
  return found;
}

function ahead(offsetMs: number): string {
  if (offsetMs === 0) return "The real time. It can only be moved forward.";
  const hours = Math.floor(offsetMs / 3_600_000);
  const parts = [
    `${Math.floor(hours / 24)} d`,
    `${hours % 24} h`,
    `${Math.floor(offsetMs / 60_000) % 60} min`,
  ];
  return `${parts.filter((part) => !part.startsWith("0 ")).join(" ") || "Less than a minute"} ahead of the real time.`;
}

/** Buttons that move the sandbox's time, or that of one test clock. */
function moveForm(clock?: string): Html {
  const prefix = clock ?? "sandbox";
  return html`<form class="tools" method="post" action="/sandbox/do/advance">${clock && hidden("clock", clock)}
<button class="plain" name="step" value="1 hour">1 hour</button>
<button class="plain" name="step" value="1 day">1 day</button>
<button class="plain" name="step" value="1 month">1 month</button></form>
<form class="tools" method="post" action="/sandbox/do/advance">${clock && hidden("clock", clock)}
<div class="field short"><label for="${prefix}-count">Move by</label><input id="${prefix}-count" name="count" type="number" min="1" max="9999" value="7" required></div>
<div class="field short"><label for="${prefix}-unit">Unit</label><select id="${prefix}-unit" name="unit">${[
    "minute",
    "hour",
    "day",
    "week",
    "month",
  ].map(
    (unit) => html`<option value="${unit}" ${unit === "day" && "selected"}>${unit}s</option>`,
  )}</select></div>
<button type="submit">Move</button></form>`;
}

function due(world: World, clock: string): Html {
  const columns: Column<Upcoming>[] = [
    { title: "When", of: (entry) => ({ at: entry.at }) },
    {
      title: "What",
      of: (entry) => ({ text: html`${entry.name}${entry.failures > 0 && failureOf(entry)}` }),
    },
    { title: "Of", of: (entry) => ({ id: entry.id }) },
  ];
  const rows = world.upcoming(clock, DUE_SHOWN);
  return rowsTable(world, { columns, rows, whenEmpty: "Nothing is planned." });
}

function standing(status: Kinds["test_helpers.test_clock"]["status"]): string {
  if (status === "ready") return "It stands still until it is moved.";
  return status === "advancing" ? "It is advancing." : "It has failed for good, with what failed on it.";
}

function failureOf({ failures, error, retryAt }: Upcoming): Html {
  const times = failures === 1 ? "once" : `${failures} times`;
  return html`<br>${tag("failed")} <span class="soft">${times}, the last with “${error}”${retryAt ? html`; tried again at ${moment(Math.floor(retryAt / 1000))}, real time` : "; not tried again"}</span>`;
}

function clockCard(world: World, clock: Kinds["test_helpers.test_clock"]): Html {
  return html`<section class="card split"><div><h2>Test clock ${clock.name} ${link(clock.id)}</h2>
<p class="clock">${moment(clock.frozen_time)}</p>
<p class="soft">${standing(clock.status)}</p>
${moveForm(clock.id)}</div><div><h2>What is due next on it</h2>${due(world, clock.id)}</div></section>`;
}

function faults(world: World): Html {
  const active = world.faults.active();
  const isOn =
    active.calls.length > 0 || Object.keys(active.webhooks).length > 0 || active.search !== undefined;
  return html`<section class="card"><h2>Faults</h2>${
    isOn
      ? html`<pre>${JSON.stringify(active, null, 2)}</pre><form class="tools" method="post" action="/sandbox/do/reset-faults"><button type="submit">End all faults</button></form>`
      : html`<p class="soft">None is on. <code>POST /sandbox/faults</code> puts them on.</p>`
  }</section>`;
}

function endpointColumns(world: World): Column<Kinds["webhook_endpoint"]>[] {
  return [
    { title: "Endpoint", of: (endpoint) => ({ id: endpoint.id }) },
    { title: "URL", of: (endpoint) => ({ text: endpoint.url }) },
    { title: "Status", of: (endpoint) => ({ status: endpoint.status }) },
    { title: "On their way", of: (endpoint) => ({ text: pendingTo(world, endpoint.id) }) },
  ];
}

function pendingTo(world: World, endpoint: string): number {
  let pending = 0;
  for (const { state } of world.store.newest("delivery", { index: "endpoint", key: endpoint })) {
    if (state === "pending") pending += 1;
  }
  return pending;
}

import type { HttpReply } from "../../http.ts";
import type { Kind } from "../../kinds.ts";
import type { World } from "../../world.ts";
import { type Html, html } from "../html.ts";
import { inspectorPage } from "./parts.ts";
import { rowsTable } from "./rows.ts";
import { plainViews, type View } from "./views.ts";

const PER_PAGE = 25;

/** What a page's address says. */
export type Query = Record<string, string>;

interface Slice<T> {
  rows: T[];
  /** Ids to go on from, where there is more. */
  older?: string;
  newer?: string;
}

/** One page of what passes `keep`, newest first, from where the address says. */
export function slice<T extends { id: string }>(
  world: World,
  kind: Kind,
  { before, after, index, key }: { before?: string; after?: string; index?: string; key?: string },
  keep: (row: T) => boolean,
): Slice<T> {
  const { store } = world;
  const where = index === undefined ? undefined : ({ index, key } as never);
  const from = store.sequence(kind, before ?? after ?? "");
  const isBack = after !== undefined && before === undefined && from !== undefined;
  const found: T[] = [];
  for (const row of isBack ? store.oldest(kind, where, from) : store.newest(kind, where, from)) {
    if (keep(row as never)) found.push(row as never);
    if (found.length > PER_PAGE) break;
  }
  const hasMore = found.length > PER_PAGE;
  const rows = isBack ? found.slice(0, PER_PAGE).reverse() : found.slice(0, PER_PAGE);
  const [first, last] = [rows[0]?.id, rows.at(-1)?.id];
  return {
    rows,
    ...((isBack || hasMore) && last && { older: last }),
    ...((isBack ? hasMore : from !== undefined) && first && { newer: first }),
  };
}

/** Links to the pages beside this one, with the same filters. */
export function pager(path: string, query: Query, { older, newer }: Slice<{ id: string }>): Html | null {
  if (!older && !newer) return null;
  const { before: _, after: __, ...filters } = query;
  const to = (at: Query) => `${path}?${new URLSearchParams({ ...filters, ...at })}`;
  return html`<div class="pager"><span>${newer && html`<a href="${to({ after: newer })}" rel="prev">Newer</a>`}</span>
<span>${older && html`<a href="${to({ before: older })}" rel="next">Older</a>`}</span></div>`;
}

export const textFilter = (name: string, label: string, value = "", hint = ""): Html =>
  html`<div class="field"><label for="${name}">${label}</label><input id="${name}" name="${name}" value="${value}" placeholder="${hint}"></div>`;

/** A form that narrows a list down by what is in `fields`. */
export const filterForm = (path: string, fields: (Html | null | undefined | false)[]): Html =>
  html`<form class="tools" method="get" action="${path}">${fields}<button class="plain" type="submit">Filter</button></form>`;

/** `GET /sandbox/view/:name`, for all that are lists of one kind. */
export function showList(world: World, view: View, query: Query): HttpReply {
  const path = `/sandbox/view/${view.name}`;
  const { customer, status } = query;
  const byCustomer = customer && view.byCustomer ? { index: view.byCustomer, key: customer } : {};
  const found = slice(world, view.kind, { ...query, ...byCustomer }, (row) => {
    if (status && view.statusOf?.(row as never) !== status) return false;
    return view.kind !== "customer" || !customer || isCustomer(row, customer);
  });
  const filters = [
    (view.byCustomer || view.kind === "customer") &&
      textFilter("customer", "Customer", customer, view.byCustomer ? "cus_…" : "Id, name or email"),
    view.statuses && statusFilter(view.statuses, status),
  ];
  return inspectorPage(world, {
    title: view.title,
    tab: plainViews.includes(view) ? "all" : view.name,
    body: html`<section class="card"><h2>${view.title}</h2>
${filters.some(Boolean) && filterForm(path, filters)}
${rowsTable(world, { columns: view.columns, rows: found.rows as never[], whenEmpty: "There are none." })}
${pager(path, query, found)}</section>`,
  });
}

function statusFilter(statuses: string[], chosen: string | undefined): Html {
  return html`<div class="field"><label for="status">Status</label><select id="status" name="status">
<option value="">Any</option>${statuses.map((status) =>
    status === chosen
      ? html`<option value="${status}" selected>${status.replaceAll("_", " ")}</option>`
      : html`<option value="${status}">${status.replaceAll("_", " ")}</option>`,
  )}</select></div>`;
}

function isCustomer(
  row: { id: string; name?: string | null; email?: string | null },
  wanted: string,
): boolean {
  const part = wanted.toLowerCase();
  return [row.id, row.name, row.email].some((value) => value?.toLowerCase().includes(part));
}

/** `GET /sandbox/view/all`: every kind that has objects. */
export function showKinds(world: World): HttpReply {
  const kinds = plainViews.filter(({ kind }) => world.store.count(kind) > 0);
  const columns = [
    {
      title: "Kind",
      of: (view: View) => ({ text: html`<a href="/sandbox/view/${view.name}">${view.title}</a>` }),
    },
    { title: "Objects", of: (view: View) => ({ text: world.store.count(view.kind) }) },
  ];
  return inspectorPage(world, {
    title: "Everything else",
    tab: "all",
    body: html`<section class="card"><h2>Everything else</h2>${rowsTable(world, { columns, rows: kinds, whenEmpty: "There is nothing yet." })}</section>`,
  });
}

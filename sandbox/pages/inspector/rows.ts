import type { World } from "../../world.ts";
import { type Html, html } from "../html.ts";
import { find } from "./find.ts";
import { link, moment, tag } from "./parts.ts";
import type { Column, Content } from "./views.ts";

/** What a table shows, and where it looks up whose an object is. */
interface Table<T> {
  columns: Column<T>[];
  rows: T[];
  whenEmpty: string;
}

/** A table that turns into a list of cards on a narrow screen. */
export function rowsTable<T>(world: World, { columns, rows, whenEmpty }: Table<T>): Html {
  if (rows.length === 0) return html`<p class="empty">${whenEmpty}</p>`;
  const contents = rows.map((row) => columns.map((column) => column.of(row)));
  const isMoney = (at: number) => "money" in contents[0]![at]!;
  return html`<table class="rows"><thead><tr>${columns.map(
    ({ title }, at) => html`<th scope="col" class="${isMoney(at) && "money"}">${title}</th>`,
  )}</tr></thead>
<tbody>${contents.map((cells) => html`<tr>${cells.map((content, at) => cell(world, columns[at]!.title, content))}</tr>\n`)}</tbody></table>`;
}

function cell(world: World, title: string, content: Content): Html {
  const inside = shown(world, content);
  if (inside === null || inside === undefined || inside === "") return html`<td class="none"></td>`;
  const label = title && html` data-label="${title}"`;
  return html`<td${label} class="${"money" in content && "money"}"><div>${inside}</div></td>`;
}

function shown(world: World, content: Content): Html | string | number | null | undefined {
  if ("id" in content) return content.id && (find(world, content.id) ? link(content.id) : plain(content.id));
  if ("customer" in content) return content.customer && customerLink(world, content.customer);
  if ("status" in content) return tag(content.status);
  if ("at" in content) return content.at == null ? null : moment(content.at, "");
  return "money" in content ? content.money : content.text;
}

/** The id of something that is not kept, such as the preview of an invoice to come. */
const plain = (id: string) => html`<code>${id}</code>`;

/** A customer by name, or by what else is known. */
function customerLink(world: World, id: string): Html {
  const customer = world.store.get("customer", id);
  const name = customer?.name || customer?.email;
  return name ? html`<a href="/sandbox/object/${id}" title="${id}">${name}</a>` : link(id)!;
}

import type { HttpReply } from "../../http.ts";
import type { World } from "../../world.ts";
import { Html, html } from "../html.ts";
import { page } from "../layout.ts";
import { INSPECTOR_STYLE } from "./style.ts";
import { tabs } from "./views.ts";

interface InspectorPage {
  title: string;
  /** The view whose tab is the current one. */
  tab?: string;
  status?: number;
  body: Html;
}

/** A page of the sandbox about itself: its time, the tabs, and what is asked for. */
export function inspectorPage(world: World, { title, tab, status = 200, body }: InspectorPage): HttpReply {
  return page({
    title: `${title} · Stripe sandbox`,
    status,
    style: INSPECTOR_STYLE,
    body: html`<header class="top"><h1><a href="/sandbox">Stripe sandbox</a></h1>
<span class="soft">It is ${moment(world.clock.now())}</span>
<form class="tools" method="get" action="/sandbox/object"><label class="hidden" for="open">Id</label><input id="open" name="id" placeholder="Open an id" required><button class="plain" type="submit">Open</button></form></header>
<nav aria-label="Sections">${tabs.map(
      ({ name, title }) =>
        html`<a href="${name ? `/sandbox/view/${name}` : "/sandbox"}" ${name === tab && current}>${title}</a>`,
    )}</nav>
${body}`,
  });
}

const current = new Html('aria-current="page"');

/** Seconds since 1970 as a moment in UTC, readable for people and programs. */
export function moment(seconds: number, zone = " UTC"): Html {
  const iso = new Date(seconds * 1000).toISOString();
  return html`<time class="when" datetime="${iso}" title="${seconds}, UTC">${iso.slice(0, 10)} ${iso.slice(11, 19)}${zone}</time>`;
}

const GOOD = new Set(
  "active paid succeeded complete delivered enabled ready available won applied".split(" "),
);
const BAD = new Set(
  "past_due unpaid uncollectible incomplete_expired failed lost internal_failure needs_response".split(" "),
);
const OVER = new Set("canceled void expired inactive disabled closed released draft".split(" "));

/** A status with the colour of what it means: fine, in trouble, over, or still to come. */
export function tag(status: string | null | undefined): Html | null {
  if (!status) return null;
  const tone = GOOD.has(status) ? "good" : BAD.has(status) ? "bad" : OVER.has(status) ? "" : "busy";
  return html`<span class="tag ${tone}">${status.replaceAll("_", " ")}</span>`;
}

/** An object's id as the way to its page. */
export function link(id: string | null | undefined): Html | null {
  return id ? html`<a href="/sandbox/object/${encodeURIComponent(id)}"><code>${id}</code></a>` : null;
}

/** Fields that a form sends along, for the page it goes back to and what it is about. */
export const hidden = (name: string, value: string): Html =>
  html`<input type="hidden" name="${name}" value="${value}">`;

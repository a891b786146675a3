import type { HttpReply } from "../../http.ts";
import type { Delivery, StoredEvent } from "../../kinds.ts";
import type { World } from "../../world.ts";
import { type Html, html } from "../html.ts";
import { filterForm, pager, type Query, slice, textFilter } from "./list.ts";
import { hidden, inspectorPage, link, moment, tag } from "./parts.ts";
import { rowsTable } from "./rows.ts";
import type { Column } from "./views.ts";

const PATH = "/sandbox/view/events";

interface Told {
  id: string;
  customer?: string | null;
}

const objectOf = (event: StoredEvent) => event.data.object as Told;

const isAbout = (event: StoredEvent, customer: string) =>
  objectOf(event).customer === customer || objectOf(event).id === customer;

/** `customer.*` and `customer` stand for all that begin so. */
function isOfType({ type }: StoredEvent, wanted: string): boolean {
  return wanted.endsWith("*") ? type.startsWith(wanted.slice(0, -1)) : type.startsWith(wanted);
}

const deliveriesOf = (world: World, event: string): Delivery[] => [
  ...world.store.oldest("delivery", { index: "event", key: event }),
];

/** `GET /sandbox/view/events`: the log of events, with what became of each delivery. */
export function showEvents(world: World, query: Query): HttpReply {
  const { type, customer } = query;
  const found = slice<StoredEvent>(
    world,
    "event",
    query,
    (event) => (!type || isOfType(event, type)) && (!customer || isAbout(event, customer)),
  );
  const back = `${PATH}?${new URLSearchParams(query)}`;
  const resend: Column<StoredEvent> = {
    title: "",
    of: (event) => ({ text: hasEndpoints(world) && resendForm(event.id, back) }),
  };
  return inspectorPage(world, {
    title: "Events",
    tab: "events",
    body: html`<section class="card"><h2>Events</h2>
${filterForm(PATH, [
  textFilter("type", "Type", type, "invoice.paid, customer.*"),
  textFilter("customer", "Customer", customer, "cus_…"),
])}
${rowsTable(world, { columns: [...eventColumns(world), resend], rows: found.rows, whenEmpty: "No such event has happened." })}
${pager(PATH, query, found)}</section>`,
  });
}

const hasEndpoints = (world: World) => world.store.count("webhook_endpoint") > 0 || null;

export function eventColumns(world: World): Column<StoredEvent>[] {
  return [
    { title: "When", of: (event) => ({ at: event.created }) },
    {
      title: "Event",
      of: (event) => ({ text: html`<a href="/sandbox/object/${event.id}">${event.type}</a>` }),
    },
    { title: "About", of: (event) => ({ id: objectOf(event).id }) },
    {
      title: "Deliveries",
      of: (event) => ({ text: html`${deliveriesOf(world, event.id).map(briefly)}` }),
    },
  ];
}

function briefly({ state, attempts }: Delivery): Html {
  const answer = attempts.at(-1)?.status;
  const count = attempts.length > 1 ? `${attempts.length} attempts` : "";
  return html`${tag(state)} <span class="soft">${[answer, count].filter(Boolean).join(", ")}</span> `;
}

function resendForm(event: string, back: string): Html {
  return html`<form class="tools" method="post" action="/sandbox/do/resend">${hidden("event", event)}${hidden("back", back)}<button class="plain" type="submit">Resend</button></form>`;
}

/** What became of an event on its way to each endpoint: every attempt and its answer. */
export function deliverySection(world: World, event: string): Html {
  const deliveries = deliveriesOf(world, event);
  return html`<section class="card"><h2>Deliveries</h2>
${deliveries.length === 0 && html`<p class="soft">No webhook endpoint wanted this event when it happened.</p>`}
${deliveries.map((delivery) => oneDelivery(world, delivery))}
${hasEndpoints(world) && resendForm(event, `/sandbox/object/${event}`)}</section>`;
}

function oneDelivery(world: World, delivery: Delivery): Html {
  const endpoint = world.store.get("webhook_endpoint", delivery.endpoint);
  const isWaiting = delivery.state === "pending" && delivery.attempts.length > 0;
  return html`<p>${tag(delivery.state)} to ${endpoint?.url ?? "an endpoint that is gone"} ${link(delivery.endpoint)}
${isWaiting && html`<br><span class="soft">Next attempt at ${moment(delivery.nextAttemptAt / 1000)}, real time</span>`}</p>
${rowsTable(world, { columns: ATTEMPTS, rows: delivery.attempts, whenEmpty: "No attempt yet." })}`;
}

type Attempt = Delivery["attempts"][number];

const ATTEMPTS: Column<Attempt>[] = [
  { title: "Real time, UTC", of: (attempt) => ({ at: Math.floor(attempt.at / 1000) }) },
  { title: "Answer", of: (attempt) => ({ text: attempt.status ?? attempt.error }) },
  { title: "Took", of: (attempt) => ({ text: `${attempt.durationMs} ms` }) },
  { title: "Body", of: (attempt) => ({ text: html`<code>${attempt.answer}</code>` }) },
];

import type { EventObject } from "./event-table.ts";
import type { ReceivedEvent } from "./inbox.ts";

/** Of an event: what it is, and when. */
const OF_EVENTS = ["id", "object", "type", "api_version", "created", "livemode", "pending_webhooks"];

/** By which an object is found at Stripe: all that the event table asks for, and what operators follow. */
const REFERENCES = Object.keys({
  ...{ id: true, customer: true, subscription: true, released_subscription: true },
  ...{ payment_intent: true, invoice: true },
  ...{ charge: true, payment_method: true, latest_charge: true, latest_invoice: true, schedule: true },
} satisfies Record<keyof EventObject, true> & Record<string, true>);

/** Words of Stripe's own, amounts, times and flags. */
const VALUES = [
  ...[
    "object",
    "type",
    "status",
    "mode",
    "payment_status",
    "billing_reason",
    "collection_method",
    "currency",
  ],
  ...["amount", "amount_received", "amount_refunded", "amount_due", "amount_paid", "amount_remaining"],
  ...["amount_total", "subtotal", "total", "created", "start_date", "trial_start", "trial_end", "cancel_at"],
  ...[
    "canceled_at",
    "ended_at",
    "expires_at",
    "due_date",
    "period_start",
    "period_end",
    "livemode",
    "active",
  ],
  ...["deleted", "captured", "refunded", "disputed", "paid", "attempted", "attempt_count"],
  "cancel_at_period_end",
];

type Fields = Readonly<Record<string, unknown>>;

/**
 * An event as JSON, with no more than is known to name no person: it is a hint, and its work reads Stripe. What is never
 * stored need not be found again when somebody is to be forgotten, whenever the event comes and whatever Stripe adds to it.
 */
export function withoutIdentity(event: ReceivedEvent): string {
  const { data, related_object: related } = event as ReceivedEvent & { related_object?: unknown };
  return JSON.stringify({
    ...valuesOf(event, OF_EVENTS),
    ...(related == null ? {} : { related_object: valuesOf(related, ["id", "type"]) }),
    ...(data == null ? {} : { data: told(data as Fields) }),
  });
}

function told({ object, previous_attributes: before }: Fields): Fields {
  return {
    ...(object == null ? {} : { object: { ...valuesOf(object, VALUES), ...referencesOf(object) } }),
    ...(before == null ? {} : { previous_attributes: { ...namesOf(before), ...referencesOf(before) } }),
  };
}

/** What has changed, not what it was. */
const namesOf = (fields: object): Fields =>
  Object.fromEntries(Object.keys(fields).map((name) => [name, null]));

function valuesOf(fields: object, names: readonly string[]): Fields {
  const all = fields as Fields;
  return Object.fromEntries(names.filter((name) => isPlain(all[name])).map((name) => [name, all[name]]));
}

const isPlain = (value: unknown) => value === null || ["string", "number", "boolean"].includes(typeof value);

/** Ids; of what is expanded its id alone. */
function referencesOf(fields: object): Fields {
  const all = fields as Fields;
  const ids = REFERENCES.map((name) => [name, idIn(all[name])]);
  return Object.fromEntries(ids.filter(([, id]) => id !== undefined));
}

function idIn(reference: unknown): string | null | undefined {
  if (reference === null || typeof reference === "string") return reference;
  const { id } = Object(reference) as { id?: unknown };
  return typeof id === "string" ? id : undefined;
}

import { recurrenceAfter } from "../../billing/subscriptions/periods.ts";
import { DAY_SECONDS } from "../../clock.ts";
import { moveTestClock } from "../../control/time.ts";
import { invalidRequest } from "../../errors.ts";
import { decodeForm } from "../../form.ts";
import type { HttpReply, HttpRequest } from "../../http.ts";
import type { World } from "../../world.ts";
import { redirect } from "../layout.ts";

type Fields = Record<string, string>;

const SECONDS: Record<string, number> = { minute: 60, hour: 3600, day: DAY_SECONDS, week: 7 * DAY_SECONDS };
const MAX_COUNT = 9999;

/** What the page's buttons do. */
const actions: Record<string, (world: World, fields: Fields) => string> = {
  advance,
  resend: (world, { event = "", back }) => {
    world.deliverer.resend(event);
    return back ?? "/sandbox";
  },
  "reset-faults": (world) => {
    world.faults.reset();
    return "/sandbox";
  },
};

/** `POST /sandbox/do/:name`: does it, and goes back to a page. Undefined for what no button does. */
export function act(world: World, request: HttpRequest, name: string): HttpReply | undefined {
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (!action) return undefined;
  const fields: Fields = {};
  for (const [field, value] of Object.entries(decodeForm(request.body))) {
    if (typeof value === "string") fields[field] = value;
  }
  return redirect(ownPath(action(world, fields)));
}

/** Only ever back to the sandbox's own pages. */
const ownPath = (path: string) => (/^\/sandbox(?:[/?][\w/?=&%.*+-]*)?$/.test(path) ? path : "/sandbox");

/** `step` is "1 day", or `count` and `unit` say it apart; `clock` is a test clock, else it is the sandbox. */
function advance(world: World, { step, count = "", unit = "", clock }: Fields): string {
  const [number = "", word = ""] = step?.split(" ") ?? [count, unit];
  const by = Number(number);
  if (!Number.isInteger(by) || by < 1 || by > MAX_COUNT) {
    throw invalidRequest(`Time is moved by 1 to ${MAX_COUNT} of a unit.`, { param: "count" });
  }
  const from = clock
    ? (world.store.get("test_helpers.test_clock", clock)?.frozen_time ?? 0)
    : world.clock.now();
  const seconds = word === "month" ? monthsAfter(from, by) - from : by * (SECONDS[word] ?? Number.NaN);
  if (Number.isNaN(seconds)) {
    throw invalidRequest("Time is moved in minutes, hours, days, weeks or months.", { param: "unit" });
  }
  if (clock) moveTestClock(world, clock, seconds);
  else world.advance(seconds * 1000);
  return "/sandbox";
}

const monthsAfter = (from: number, count: number) =>
  recurrenceAfter(from, { interval: "month", interval_count: 1 }, count);

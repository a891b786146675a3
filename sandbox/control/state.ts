import { changeSettings, settingsOf } from "../billing/subscriptions/dunning.ts";
import { json } from "../http.ts";
import type { Settings } from "../kinds.ts";
import { list, number, oneOf } from "../params.ts";
import { type ControlRoute, control } from "./route.ts";

const shown = ({ afterRetries, retryDays }: Settings) => json(200, { afterRetries, retryDays });

/** What the sandbox was asked, how it is set, and that all is forgotten. */
export const statePaths: ControlRoute[] = [
  control("GET", "requests", {}, (world) => json(200, { requests: world.requests.list() })),
  control("GET", "settings", {}, (world) => shown(settingsOf(world.store))),
  control(
    "POST",
    "settings",
    { afterRetries: oneOf("cancel", "unpaid", "past_due"), retryDays: list(number()) },
    (world, params) =>
      shown(world.transact({ id: null, idempotencyKey: null }, (tx) => changeSettings(tx, params))),
  ),
  control("DELETE", "state", {}, (world) => {
    world.reset();
    return json(200, { deleted: true });
  }),
];

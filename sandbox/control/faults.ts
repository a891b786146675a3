import { json } from "../http.ts";
import { either, flag, integer, list, number, object, oneOf, required, text } from "../params.ts";
import { type ControlRoute, control } from "./route.ts";

const share = number({ min: 0, max: 1 });
const amount = number({ min: 0 });

const call = {
  method: required(text()),
  path: required(text()),
  times: integer({ min: 0 }),
  share,
  status: either(oneOf("timeout", "reset"), integer({ min: 400, max: 599 })),
  when: oneOf("before", "after"),
  delayMs: amount,
  code: text(),
  kept: flag,
  shouldRetry: flag,
};

/** What `POST /sandbox/faults` takes; ../faults.ts says what each means. */
const shape = {
  reset: flag,
  seed: integer(),
  calls: list(object(call)),
  webhooks: object({ drop: share, duplicate: amount, reorder: flag, delayMs: amount }),
  search: object({ lagSeconds: required(amount) }),
};

export const faultPaths: ControlRoute[] = [
  control("POST", "faults", shape, (world, { reset, ...request }) => {
    if (reset) world.faults.reset();
    else world.faults.add(request);
    return json(200, { faults: world.faults.active() });
  }),
];

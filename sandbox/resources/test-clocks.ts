import { advanceTestClock, createTestClock, deleteTestClock } from "../billing/test-clocks.ts";
import { page, pageParams } from "../list.ts";
import { required, text, timestamp } from "../params.ts";
import { type Route, route } from "../router.ts";

const URL = "/v1/test_helpers/test_clocks";

export const testClockRoutes: Route[] = [
  route("POST", URL, { frozen_time: required(timestamp), name: text({ max: 300 }) }, createTestClock),
  route("GET", URL, pageParams, (tx, params) =>
    page(tx, { kind: "test_helpers.test_clock", url: URL }, params),
  ),
  route(
    "GET",
    `${URL}/:id`,
    {},
    (tx, _params, { id = "" }) => tx.get("deleted", id) ?? tx.need("test_helpers.test_clock", id),
  ),
  route("DELETE", `${URL}/:id`, {}, (tx, _params, { id = "" }) =>
    deleteTestClock(tx, tx.need("test_helpers.test_clock", id)),
  ),
  route("POST", `${URL}/:id/advance`, { frozen_time: required(timestamp) }, (tx, params, { id = "" }) =>
    advanceTestClock(tx, tx.need("test_helpers.test_clock", id), params.frozen_time),
  ),
];

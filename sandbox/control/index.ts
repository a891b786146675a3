import { unknownUrl } from "../errors.ts";
import type { HttpReply, HttpRequest } from "../http.ts";
import { readShape } from "../params.ts";
import { Router } from "../router.ts";
import type { World } from "../world.ts";
import { checkoutPaths } from "./checkout.ts";
import { faultPaths } from "./faults.ts";
import { paymentPaths } from "./payments.ts";
import { portalPaths } from "./portal.ts";
import { readBody } from "./route.ts";
import { statePaths } from "./state.ts";
import { timePaths } from "./time.ts";
import { webhookPaths } from "./webhooks.ts";

/** The sandbox's own paths, apart from its pages. */
const router = new Router([
  ...timePaths,
  ...faultPaths,
  ...statePaths,
  ...webhookPaths,
  ...paymentPaths,
  ...checkoutPaths,
  ...portalPaths,
]);

/** Answers a request under `/sandbox/`; throws Stripe's refusal of what it does not know or cannot do. */
export async function serveControl(world: World, request: HttpRequest): Promise<HttpReply> {
  const found = router.find(request.method, request.path);
  if (!found) throw unknownUrl(request.method, request.path);
  const { route, path } = found;
  return route.handle(world, readShape(route.shape, readBody(request)), path.id ?? "");
}

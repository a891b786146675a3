import type { RequestHandler } from "express";
import { signToken } from "../src/auth/token.ts";
import type { Config } from "../src/config.ts";
import { explorer } from "./explorer.ts";
import { ownHostOnly } from "./own-host.ts";
import { returnPage } from "./return-page.ts";

/** Who browsers are here, when they do not say. */
export const DEMO_LEARNER = "demo-learner";

/** A token of the usual 12 hours. */
export const tokenFor = ({ jwt }: Config, userId: string) =>
  signToken(jwt, { sub: userId, email: `${userId}@example.com` });

/** What browsers see at the GraphQL path: the explorer, and the page that a checkout comes back to. */
export function browserPages(config: Config, serviceUrl: string): RequestHandler {
  const newToken = (userId = DEMO_LEARNER) => tokenFor(config, userId);
  const toExplorer = explorer({ serviceUrl, newToken: () => newToken() });
  const toReturnPage = returnPage({ serviceUrl, newToken, userId: DEMO_LEARNER });
  const guard = ownHostOnly(config.host);
  return (request, response, next) =>
    guard(request, response, () =>
      (request.query.session_id ? toReturnPage : toExplorer)(request, response, next),
    );
}

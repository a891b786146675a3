import express, { type RequestHandler, Router } from "express";
import { ownHostOnly } from "./own-host.ts";

/** What {@link apiPage} shows and asks with. */
export interface ApiPageOptions {
  /** Where the service listens. */
  readonly host: string;
  /** A token that is good from now on. */
  readonly newToken: () => Promise<string>;
}

/** Nothing from elsewhere can load, whatever the page holds. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** `/openapi`: Swagger UI over `/openapi.json`, on which every endpoint can be tried as a learner with a fresh token. */
export function apiPage({ host, newToken }: ApiPageOptions): RequestHandler {
  const router = Router();
  router.use("/openapi", ownHostOnly(host));
  router.get("/openapi", async (_request, response) => {
    response
      .set({ "Content-Security-Policy": POLICY, "Cache-Control": "no-store" })
      .type("html")
      .send(page(await newToken()));
  });
  // ten megabytes, looked for when somebody looks
  router.use("/openapi/assets", async (request, response, next) => {
    const { getAbsoluteFSPath } = await import("swagger-ui-dist");
    express.static(getAbsoluteFSPath(), { index: false })(request, response, next);
  });
  return router;
}

const page = (token: string) => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Payment Service: REST</title>
    <link rel="stylesheet" href="/openapi/assets/swagger-ui.css">
    <link rel="icon" href="/openapi/assets/favicon-32x32.png">
  </head>
  <body>
    <main id="page"></main>
    <script src="/openapi/assets/swagger-ui-bundle.js"></script>
    <script>
      const ui = SwaggerUIBundle({
        url: "/openapi.json",
        dom_id: "#page",
        deepLinking: true,
        onComplete: () => ui.preauthorizeApiKey("bearer", ${JSON.stringify(token)}),
      });
    </script>
  </body>
</html>
`;

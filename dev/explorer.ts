import type { RequestHandler } from "express";

// Nothing from elsewhere can load, whatever the page holds; its editor's workers are blobs of its own.
const POLICY = [
  "default-src 'none'",
  "script-src 'unsafe-inline' 'unsafe-eval' blob:",
  "worker-src blob:",
  "style-src 'unsafe-inline'",
  "img-src data:",
  "font-src data:",
  "connect-src 'self' ws://localhost:* ws://127.0.0.1:*",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

// One tab: with several, this GraphiQL swallows the first click on another one.
const QUERY = `# The button asks which one to run.

# The price list needs no token.
query Plans {
  plans {
    name
    price { amount currency }
    monthlyPrice { amount }
    features { name limit }
  }
}

# Asked as demo-learner: see "Headers" below.
# Others: npm run -s token -- --user ID
query MyStatus {
  subscriptionStatus {
    status
    plan { name }
    currentPeriodEnd
    grantsAccess
  }
  accessTo(resourceType: COURSE, resourceId: "course-1") {
    granted
    source
    expiresAt
  }
}

# The state now, then each change. Over
# WebSocket, and always as demo-learner.
subscription MyStatusLive {
  subscriptionStatusChanged {
    status
    plan { name }
    grantsAccess
  }
}
`;

/**
 * GraphiQL as one page that loads nothing from anywhere else, for browsers that come to the GraphQL path.
 * Signed in with `token`, over HTTP and for subscriptions over WebSocket at the same path.
 */
export function explorer(token: string): RequestHandler {
  let page: Promise<string> | undefined;
  return async (request, response) => {
    page ??= render(token, new URL(request.originalUrl, "http://localhost").pathname);
    response
      .set("Content-Security-Policy", POLICY)
      .set("Cache-Control", "no-store")
      .set("Cross-Origin-Resource-Policy", "same-origin")
      .type("html")
      .send(await page);
  };
}

async function render(token: string, endpoint: string): Promise<string> {
  // Nine megabytes, read when somebody looks.
  const { renderGraphiQL } = await import("@graphql-yoga/render-graphiql");
  const options = {
    title: "Payment Service",
    endpoint,
    defaultQuery: QUERY,
    defaultHeaders: JSON.stringify({ Authorization: `Bearer ${token}` }, null, 2),
    subscriptionsProtocol: "WS" as const,
    subscriptionsEndpoint: endpoint,
    connectionParams: { token },
  };
  return renderGraphiQL(options);
}

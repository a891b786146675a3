import type { RequestHandler } from "express";
import { returnUrl } from "./return-page.ts";

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
const examples = (serviceUrl: string, planId: string) => `# The button asks which one to run.

# The price list needs no token.
query Plans {
  plans {
    id
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

# Open the url that it gives, and pay there
# with 4242 4242 4242 4242.
mutation StartCheckout {
  createCheckoutSession(input: {
    planId: ${JSON.stringify(planId)}
    successUrl: ${JSON.stringify(returnUrl(serviceUrl))}
    cancelUrl: ${JSON.stringify(`${serviceUrl}/graphql`)}
  }) {
    url
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
 * GraphiQL keeps its tabs in the browser, headers and all, and at the next visit shows those beside an empty one:
 * with a token that has expired since, or of another DATA_DIR. Run before it, this makes each visit the first.
 */
const FORGET = `<script>
  for (const store of [localStorage, sessionStorage])
    for (const key of Object.keys(store))
      if (key.startsWith("graphiql:") && key !== "graphiql:theme") store.removeItem(key);
</script>`;
const BEFORE_GRAPHIQL = '<div id="root"></div>';

/** What {@link explorer} shows and asks with. */
export interface ExplorerOptions {
  readonly serviceUrl: string;
  /** A token that is good from now on. */
  readonly newToken: () => Promise<string>;
}

/**
 * GraphiQL as one page that loads nothing from anywhere else, for browsers that come to the GraphQL path.
 * At each visit it holds the examples and a new token, for HTTP and for subscriptions over WebSocket at the same path.
 */
export function explorer({ serviceUrl, newToken }: ExplorerOptions): RequestHandler {
  return async (request, response) => {
    const endpoint = new URL(request.originalUrl, serviceUrl).pathname;
    const [token, planId] = await Promise.all([newToken(), premiumPlan(serviceUrl)]);
    response
      .set("Content-Security-Policy", POLICY)
      .set("Cache-Control", "no-store")
      .set("Cross-Origin-Resource-Policy", "same-origin")
      .type("html")
      .send(await render(token, endpoint, examples(serviceUrl, planId)));
  };
}

/** Of the running service, so that the example can be run as it is. */
async function premiumPlan(serviceUrl: string): Promise<string> {
  const answer = await fetch(`${serviceUrl}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: "{ plans { id name } }" }),
  });
  const { data } = (await answer.json()) as { data?: { plans: { id: string; name: string }[] } };
  return data?.plans.find(({ name }) => name === "Premium")?.id ?? "the id of a plan";
}

async function render(token: string, endpoint: string, defaultQuery: string): Promise<string> {
  // Nine megabytes, read when somebody looks.
  const { renderGraphiQL } = await import("@graphql-yoga/render-graphiql");
  const options = {
    title: "Payment Service",
    endpoint,
    defaultQuery,
    defaultHeaders: JSON.stringify({ Authorization: `Bearer ${token}` }, null, 2),
    subscriptionsProtocol: "WS" as const,
    subscriptionsEndpoint: endpoint,
    connectionParams: { token },
  };
  return renderGraphiQL(options).replace(BEFORE_GRAPHIQL, (place) => `${FORGET}\n${place}`);
}

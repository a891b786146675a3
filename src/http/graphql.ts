import { ApolloServer, type ApolloServerPlugin, type BaseContext } from "@apollo/server";
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
} from "@apollo/server/plugin/disabled";
import { expressMiddleware } from "@as-integrations/express5";
import express, { type RequestHandler } from "express";
import { GraphQLError, type GraphQLSchema } from "graphql";
import type { Callers } from "../auth/token.ts";
import type { Context, NewContext } from "../context.ts";
import { toGraphQLError } from "../format-error.ts";
import { costFault, LIMIT_RULES, PARSE_OPTIONS } from "../limits.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import { asksOfSchema, assertShown } from "../schema-secrecy.ts";
import { whileSomebodyWaits } from "../stripe/call-scope.ts";
import { nameSpan } from "../tracing.ts";
import { cacheControl } from "./cache-headers.ts";
import type { Operations } from "./operations.ts";
import { isPublicDocument } from "./public-documents.ts";
import { formatError } from "./told-errors.ts";

/** In bytes. */
export const MAX_BODY = 256 * 1024;

/** GraphQL over HTTP: queries and mutations. Live subscriptions come over WebSocket. */
export function createGraphqlServer(
  schema: GraphQLSchema,
  operations: Operations,
  { metrics, logger }: { metrics: Metrics; logger: Logger },
): ApolloServer<Context> {
  return new ApolloServer<Context>({
    schema,
    parseOptions: PARSE_OPTIONS,
    validationRules: [...LIMIT_RULES],
    // by caller, where the schema is hidden
    introspection: true,
    includeStacktraceInErrorResponses: false,
    // an Apollo Router probes with POST; browsers are kept from cross-site simple requests
    csrfPrevention: true,
    stopOnTerminationSignals: false,
    logger: apolloLogger(logger),
    formatError: formatError(schema, logger),
    plugins: [
      ApolloServerPluginLandingPageDisabled(),
      // traces in answers would tell any caller how each field was resolved
      ApolloServerPluginInlineTraceDisabled(),
      // it would wrap every field of the schema, for directives that are not in it
      ApolloServerPluginCacheControlDisabled(),
      cacheHeaders(schema),
      measured(metrics, operations),
      noSubscriptions,
      ownSchema(schema, logger),
      affordable(schema),
      remembering(operations),
    ],
  });
}

/** The routes at the GraphQL path, once the server has started. Live subscriptions are asked before it. */
export function graphqlRoutes(
  server: ApolloServer<Context>,
  { callers, newContext }: { callers: Callers; newContext: NewContext },
  live: RequestHandler[],
): RequestHandler[] {
  return [
    express.json({ limit: MAX_BODY }),
    ...live,
    (_request, _response, next) => whileSomebodyWaits(next),
    expressMiddleware(server, {
      context: async ({ req }) => newContext(await callers(req.get("authorization")), req),
    }),
  ];
}

function cacheHeaders(schema: GraphQLSchema): ApolloServerPlugin<BaseContext> {
  return {
    async requestDidStart() {
      return {
        async willSendResponse({ response, document, operation, request }) {
          const ok = response.body.kind === "single" && !response.body.singleResult.errors;
          const isPublic =
            ok && document && operation?.operation === "query" && isPublicDocument(schema, document);
          const authorization = request.http?.headers.get("authorization");
          response.http.headers.set("cache-control", cacheControl(Boolean(isPublic), authorization));
        },
      };
    },
  };
}

/** What has been found good need not be looked at again: it is executed, and so nobody has refused it. */
const remembering = (operations: Operations): ApolloServerPlugin<BaseContext> => ({
  async requestDidStart() {
    return {
      async executionDidStart({ source, document }) {
        operations.remember(source, document);
      },
    };
  },
});

/** A subscription would be executed as a query, and find nothing to read. */
const noSubscriptions: ApolloServerPlugin<BaseContext> = {
  async requestDidStart() {
    return {
      async didResolveOperation({ operation }) {
        if (operation?.operation !== "subscription") return;
        throw new GraphQLError(
          "Live subscriptions come over WebSocket (graphql-transport-ws) at this path, or as text/event-stream.",
          { extensions: { code: "BAD_USER_INPUT", http: { status: 400 } } },
        );
      },
    };
  },
};

/** The schema is not shown to everybody. */
const ownSchema = (schema: GraphQLSchema, logger: Logger): ApolloServerPlugin<Context> => ({
  async requestDidStart() {
    return {
      async didResolveOperation({ document, contextValue }) {
        if (!asksOfSchema(document)) return;
        try {
          assertShown(schema, contextValue);
        } catch (error) {
          const { message, extensions } = toGraphQLError(error, logger);
          throw new GraphQLError(message, { extensions: { ...extensions, http: { status: 403 } } });
        }
      },
    };
  },
});

/** Before anything is done for it. */
const affordable = (schema: GraphQLSchema): ApolloServerPlugin<Context> => ({
  async requestDidStart() {
    return {
      async didResolveOperation({ document, operation, request }) {
        const fault = operation && costFault(schema, document, operation, request.variables);
        if (!fault) return;
        throw new GraphQLError(fault.message, { extensions: { ...fault.extensions, http: { status: 400 } } });
      },
    };
  },
});

/** Apollo's own words, as lines of our log. */
function apolloLogger(logger: Logger) {
  const say = (level: "debug" | "info" | "warn" | "error") => (message: unknown) =>
    logger[level]({ part: "apollo" }, String(message));
  return { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") };
}

function measured(metrics: Metrics, { labels }: Operations): ApolloServerPlugin<BaseContext> {
  return {
    async requestDidStart() {
      const done = metrics.operations.startTimer();
      return {
        async willSendResponse({ operation, errors, response: { body } }) {
          const type = operation?.operation ?? "none";
          const called = operation ? labels.of(operation) : "none";
          nameSpan(operation ? `${type} ${called}` : "GraphQL, not valid");
          done({ operation: called, type, outcome: errors?.length ? "error" : "ok" });
          if (body.kind === "single") metrics.told("http", body.singleResult.errors);
        },
      };
    },
  };
}

/** Answers people who open the address in a browser; programs go on to the API. */
export const onlyForBrowsers =
  (explorer: RequestHandler): RequestHandler =>
  (request, response, next) => {
    const isBrowser =
      request.method === "GET" && !request.query.query && request.accepts("json", "html") === "html";
    return isBrowser ? explorer(request, response, next) : next();
  };

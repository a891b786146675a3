import { ApolloServer, type ApolloServerPlugin, type BaseContext } from "@apollo/server";
import {
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
} from "@apollo/server/plugin/disabled";
import { expressMiddleware } from "@as-integrations/express5";
import express, { type RequestHandler } from "express";
import type { GraphQLSchema } from "graphql";
import type { Caller } from "../auth/caller.ts";
import { callerOf } from "../auth/token.ts";
import type { Config } from "../config.ts";
import type { Context } from "../context.ts";
import type { Metrics } from "../metrics.ts";
import { isPublicDocument } from "./public-documents.ts";

const MAX_BODY = "256kb";
const PUBLIC_CACHE = "public, max-age=60";

/** GraphQL over HTTP: queries and mutations. Live subscriptions come over WebSocket. */
export function createGraphqlServer(
  schema: GraphQLSchema,
  config: Config,
  metrics: Metrics,
): ApolloServer<Context> {
  return new ApolloServer<Context>({
    schema,
    introspection: config.nodeEnv !== "production",
    includeStacktraceInErrorResponses: false,
    // an Apollo Router probes with POST; browsers are kept from cross-site simple requests
    csrfPrevention: true,
    stopOnTerminationSignals: false,
    plugins: [
      ApolloServerPluginLandingPageDisabled(),
      // traces in answers would tell any caller how each field was resolved
      ApolloServerPluginInlineTraceDisabled(),
      cacheHeaders(schema),
      measured(metrics),
    ],
  });
}

/** The routes at the GraphQL path, once the server has started. */
export function graphqlRoutes(
  server: ApolloServer<Context>,
  config: Config,
  newContext: (caller: Caller) => Context,
): RequestHandler[] {
  return [
    express.json({ limit: MAX_BODY }),
    expressMiddleware(server, {
      context: async ({ req }) => newContext(await callerOf(config.jwt, req.get("authorization"))),
    }),
  ];
}

/** `no-store`, except for documents made of public fields only and answered without errors. */
function cacheHeaders(schema: GraphQLSchema): ApolloServerPlugin<BaseContext> {
  return {
    async requestDidStart() {
      return {
        async willSendResponse({ response, document, operation, request }) {
          const ok = response.body.kind === "single" && !response.body.singleResult.errors;
          const isPublic =
            ok && document && operation?.operation === "query" && isPublicDocument(schema, document);
          const isShared = isPublic && !request.http?.headers.get("authorization");
          response.http.headers.set("cache-control", isShared ? PUBLIC_CACHE : "no-store");
        },
      };
    },
  };
}

function measured(metrics: Metrics): ApolloServerPlugin<BaseContext> {
  return {
    async requestDidStart() {
      const done = metrics.operations.startTimer();
      return {
        async willSendResponse({ operation, errors }) {
          done({ type: operation?.operation ?? "none", outcome: errors?.length ? "error" : "ok" });
        },
      };
    },
  };
}

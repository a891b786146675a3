import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { ExecutionResult, GraphQLFormattedError, GraphQLSchema } from "graphql";
import Negotiator from "negotiator";
import type { Callers } from "../auth/token.ts";
import type { Config } from "../config.ts";
import type { NewContext } from "../context.ts";
import { toGraphQLError } from "../format-error.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import { whileSomebodyWaits } from "../stripe/call-scope.ts";
import { nameSpan } from "../tracing.ts";
import { isPlainPost, type Question, questionIn, whenRead } from "./asked.ts";
import { cacheControl } from "./cache-headers.ts";
import type { Operation, Operations } from "./operations.ts";
import { inRequestScope } from "./request-scope.ts";
import { standingHeaders } from "./standing-headers.ts";
import { told } from "./told-errors.ts";

const PATH = "/graphql";

/** What answering takes. */
export interface Answering {
  schema: GraphQLSchema;
  operations: Operations;
  callers: Callers;
  newContext: NewContext;
  metrics: Metrics;
  logger: Logger;
}

interface Answer {
  status: number;
  body: { errors?: GraphQLFormattedError[]; data?: ExecutionResult["data"] };
}

/**
 * Answers queries that were validated before, without Express and Apollo Server, whose pipelines cost more than the
 * answers. Every other request is `otherwise`'s, as if nobody had looked at it: other methods and content types,
 * documents not seen yet, mutations, introspection, whatever has to be refused.
 */
export function fastPath(
  config: Config,
  answering: Answering,
  longest: number,
  otherwise: RequestListener,
): RequestListener {
  const standing = standingHeaders(config);
  const { operations, metrics } = answering;
  return (request, response) => {
    const { headers, url } = request;
    const common = standing.get(headers.origin);
    const type = url === PATH && common && isPlainPost(request, longest) && contentTypeFor(headers.accept);
    if (!type) return otherwise(request, response);
    const done = metrics.httpSeconds.startTimer({ method: "POST", route: PATH });
    whenRead(request, (body) => {
      const question = questionIn(body);
      const operation = question && operations.find(question);
      if (!operation) {
        request.pause();
        request.unshift(body);
        otherwise(request, response);
        return void request.resume();
      }
      const answerAs = (requestId: string) =>
        whileSomebodyWaits(() => answer(operation, question, request, answering)).then((given) => {
          done({ status: given.status });
          send(response, given, [
            ...common,
            ...["x-request-id", requestId, "content-type", type],
            ...[
              "cache-control",
              cacheControl(operation.isPublic && !given.body.errors, headers.authorization),
            ],
          ]);
        });
      void inRequestScope(request, response, () => PATH, answerAs);
    });
  };
}

async function answer(
  operation: Operation,
  { variables }: Question,
  request: IncomingMessage,
  { schema, callers, newContext, metrics, logger }: Answering,
): Promise<Answer> {
  const counted = (errors: GraphQLFormattedError[]) => {
    metrics.told("http", errors);
    return errors;
  };
  nameSpan(`query ${operation.label}`);
  const done = metrics.operations.startTimer({ operation: operation.label, type: "query" });
  try {
    const context = newContext(await callers(request.headers.authorization), request, operation.asks);
    const fault = operation.faultOf(variables);
    if (fault) {
      done({ outcome: "error" });
      return { status: 400, body: { errors: counted([fault.toJSON()]) } };
    }
    const { data, errors } = await operation.run(context, variables);
    done({ outcome: errors ? "error" : "ok" });
    if (!errors) return { status: 200, body: { data } };
    // without data nothing was executed: the variables do not fit
    const status = data === undefined ? 400 : 200;
    return { status, body: { errors: counted(errors.map((error) => told(schema, error, logger))), data } };
  } catch (error) {
    done({ outcome: "error" });
    return { status: 500, body: { errors: counted([toGraphQLError(error, logger).toJSON()]) } };
  }
}

function send(response: ServerResponse, { status, body }: Answer, headers: string[]): void {
  const text = `${JSON.stringify(body)}\n`;
  const length = Buffer.byteLength(text);
  response.writeHead(status, [...headers, "content-length", String(length)]);
  // what has as many bytes as characters is ASCII, and need not be made into UTF-8
  response.end(text, length === text.length ? "latin1" : "utf8");
}

/** The types that Apollo Server has for an answer in one piece. */
const CONTENT_TYPES = [
  "application/json; charset=utf-8",
  "application/graphql-response+json; charset=utf-8",
  "application/json; callbackSpec=1.0; charset=utf-8",
];
const MOST_KNOWN = 100;
const LONGEST_ACCEPT = 200;
const known = new Map<string, string | undefined>();

/** The content type of an answer by what the client accepts; undefined when there is none. */
function contentTypeFor(accept: string | undefined): string | undefined {
  if (!accept) return CONTENT_TYPES[0];
  if (accept.length > LONGEST_ACCEPT) return undefined;
  if (known.has(accept)) return known.get(accept);
  if (known.size >= MOST_KNOWN) known.clear();
  const type = new Negotiator({ headers: { accept } }).mediaType(CONTENT_TYPES);
  known.set(accept, type);
  return type;
}

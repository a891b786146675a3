import express, { type ErrorRequestHandler, type Request, type RequestHandler, Router } from "express";
import { execute, type GraphQLSchema, getNullableType, isListType, isScalarType } from "graphql";
import type { Callers } from "../../auth/token.ts";
import type { NewContext } from "../../context.ts";
import { BadUserInput, MethodNotAllowed } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { withoutGuesses } from "../../schema-secrecy.ts";
import { whileSomebodyWaits } from "../../stripe/call-scope.ts";
import { cacheControl } from "../cache-headers.ts";
import { type Run, runnerOf } from "../compiled.ts";
import { MAX_BODY } from "../graphql.ts";
import { isPublicDocument } from "../public-documents.ts";
import { bodyOf } from "./answers.ts";
import { type Place, type Prepared, pathNames, prepare, type Variable } from "./documents.ts";
import { ENDPOINTS, type Endpoint } from "./endpoints.ts";
import { problemOf, refuse } from "./problem.ts";

/** What answering takes. */
export interface RestParts {
  schema: GraphQLSchema;
  callers: Callers;
  newContext: NewContext;
  logger: Logger;
}

/** The documented REST endpoints. Each runs its GraphQL document: who may ask, limits and codes are the schema's. */
export function restRoutes(parts: RestParts): Router {
  const router = Router();
  const body = [onlyJson, express.json({ limit: MAX_BODY })];
  for (const endpoint of ENDPOINTS)
    router[endpoint.method](endpoint.path, ...body, answering(endpoint, parts));
  for (const [path, methods] of methodsByPath())
    router.all(path, (_request, response) => {
      response.set("allow", methods.join(", "));
      throw new MethodNotAllowed(methods);
    });
  return router.use(refusing(parts));
}

/** What each address takes; where one endpoint says `:id` and another `:userId`, it is the same address. */
function methodsByPath(): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const { method, path } of ENDPOINTS) {
    const address = path.replace(/:\w+/g, ":name");
    const all = methods.get(address) ?? [];
    methods.set(address, [...all, ...(method === "get" ? ["GET", "HEAD"] : [method.toUpperCase()])]);
  }
  return methods;
}

/** A body of another kind would be passed over, and what it says be missed. */
const onlyJson: RequestHandler = (request, _response, next) =>
  next(
    request.get("content-length") !== "0" && request.is("json") === false
      ? new BadUserInput("body", "Send JSON, as content-type application/json.")
      : undefined,
  );

function answering(endpoint: Endpoint, parts: RestParts): RequestHandler {
  const { schema, callers, newContext } = parts;
  // taken apart when it is first asked for: nothing is done at start that nobody may need
  let known: { prepared: Prepared; run: Run; isPublic: boolean } | undefined;
  return async (request, response) => {
    known ??= ready(schema, prepare(schema, endpoint));
    const { prepared, run, isPublic } = known;
    const variables = variablesOf(request, endpoint, prepared.variables);
    const context = newContext(await callers(request.get("authorization")), request);
    const { data, errors } = await whileSomebodyWaits(() => run(context, variables));
    const [error] = errors ?? [];
    if (error) throw error;
    const body = bodyOf(endpoint.answer, data?.[prepared.root.name.value]);
    response.set("cache-control", cacheControl(isPublic, request.get("authorization")));
    if (body === undefined) response.status(204).end();
    else response.status(endpoint.creates ? 201 : 200).json(body);
  };
}

function ready(schema: GraphQLSchema, prepared: Prepared) {
  const { document, operation } = prepared;
  const run: Run =
    operation.operation === "query"
      ? runnerOf(schema, document)
      : (contextValue, variableValues) =>
          execute({ schema, document, contextValue, variableValues: variableValues ?? null });
  return { prepared, run, isPublic: isPublicDocument(schema, document) };
}

/** The document's variables from where the request has them; what it leaves out is left out. */
function variablesOf(
  request: Request,
  endpoint: Endpoint,
  variables: readonly Variable[],
): Record<string, unknown> {
  const key = request.get("idempotency-key");
  const read: Record<Place, (variable: Variable) => unknown> = {
    path: ({ name }) => request.params[name],
    header: () => key,
    query: ({ name, type }) => fromQuery(request.query[name], type),
    body: () => inputOf(request, endpoint, key),
  };
  const found = variables.map((variable) => [variable.name, read[variable.place](variable)]);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}

/** The body, with what the path and the key's header say of it. @throws BadUserInput for what is no object */
function inputOf(request: Request, { path }: Endpoint, key: string | undefined): object {
  const { body = {} } = request;
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new BadUserInput("body", "Send a JSON object.");
  const named = Object.fromEntries(pathNames(path).map((name) => [name, request.params[name]]));
  return { ...body, ...named, ...(key !== undefined && { idempotencyKey: key }) };
}

/** A query's texts as the values that they stand for; several are given by naming it several times, or with commas. */
function fromQuery(value: unknown, type: Variable["type"]): unknown {
  const plain = getNullableType(type);
  if (isListType(plain))
    return value === undefined
      ? undefined
      : [value].flat().flatMap((one) => (typeof one === "string" ? one.split(",") : [one]));
  const isWhole = typeof value === "string" && /^-?\d{1,9}$/.test(value);
  return isWhole && isScalarType(plain) && plain.name === "Int" ? Number(value) : value;
}

/** What was thrown, and what Express could not read, as a problem document. */
function refusing({ schema, logger }: RestParts): ErrorRequestHandler {
  return (error, _request, response, next) => {
    if (response.headersSent) return next(error);
    response.set("cache-control", "no-store");
    const problem = problemOf(error, logger);
    refuse(response, { ...problem, detail: withoutGuesses(schema, problem.detail) });
  };
}

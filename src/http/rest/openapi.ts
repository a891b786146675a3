import { type RequestHandler, Router } from "express";
import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLInputObjectType,
  type GraphQLNonNull,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isListType,
  parse,
} from "graphql";
import { ERROR_CODES } from "../../errors.ts";
import { type Prepared, pathNames, prepare } from "./documents.ts";
import { ENDPOINTS, type Endpoint, FRAGMENTS } from "./endpoints.ts";
import {
  bodySchema,
  inputSchema,
  type JsonSchema,
  notNull,
  nullable,
  objectSchema,
  outputSchema,
  reference,
} from "./json-schemas.ts";

/**
 * The endpoints as an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1). It is made of their documents and
 * the GraphQL schema: what an endpoint answers is what it selects.
 */
export function openApiOf(schema: GraphQLSchema): JsonSchema {
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const endpoint of ENDPOINTS) {
    const path = endpoint.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [endpoint.method]: operationOf(schema, endpoint) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "CloudMastersHub Payment Service",
      version: "1",
      description: "Amounts are integers in the currency's minor unit, moments are ISO 8601 in UTC.",
    },
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
      schemas: { ...shownSchemas(schema), Problem: PROBLEM },
      responses: {
        Problem: {
          description: "A refusal (RFC 9457): see `code`.",
          content: { "application/problem+json": { schema: reference("Problem") } },
        },
      },
    },
  };
}

/** `GET /openapi.json`. Made when it is first asked for. */
export function openApiRoute(schema: GraphQLSchema): Router {
  let text: string | undefined;
  const answer: RequestHandler = (_request, response) => {
    text ??= JSON.stringify(openApiOf(schema));
    response.set("cache-control", "public, max-age=60").type("application/json").send(text);
  };
  return Router().get("/openapi.json", answer);
}

function operationOf(schema: GraphQLSchema, endpoint: Endpoint): JsonSchema {
  const prepared = prepare(schema, endpoint);
  const body = prepared.variables.find(({ place }) => place === "body");
  const status = endpoint.answer === "nothing" ? "204" : endpoint.creates ? "201" : "200";
  return {
    summary: endpoint.summary,
    tags: [endpoint.path.split("/")[1]],
    ...(endpoint.path === "/subscriptions/plans" && { security: [] }),
    parameters: parametersOf(endpoint, prepared),
    ...(body && {
      requestBody: {
        required: true,
        content: {
          "application/json": {
            schema: bodySchema((body.type as GraphQLNonNull<GraphQLInputObjectType>).ofType, [
              "idempotencyKey",
              ...pathNames(endpoint.path),
            ]),
          },
        },
      },
    }),
    responses: {
      [status]: answerOf(schema, endpoint, prepared),
      default: { $ref: "#/components/responses/Problem" },
    },
  };
}

function parametersOf({ path, method }: Endpoint, { variables }: Prepared): JsonSchema[] {
  const inPath = pathNames(path).map((name) => ({
    ...{ name, in: "path", required: true, schema: { type: "string" } },
  }));
  const inQuery = variables
    .filter(({ place }) => place === "query")
    .map(({ name, type, hasDefault }) => ({
      ...{
        name,
        in: "query",
        required: false,
        schema: hasDefault ? inputSchema(getNullableType(type)) : inputSchema(type),
      },
    }));
  const key = {
    ...{ name: "Idempotency-Key", in: "header", required: false, schema: { type: "string" } },
    description: "The same key and request gives the first answer again; another request is CONFLICT.",
  };
  return [...inPath, ...inQuery, ...(method === "get" ? [] : [key])];
}

function answerOf(schema: GraphQLSchema, { answer }: Endpoint, { operation, root }: Prepared): JsonSchema {
  if (answer === "nothing") return { description: "Done." };
  const type = schema.getRootType(operation.operation)?.getFields()[root.name.value]
    ?.type as GraphQLOutputType;
  const shown: Record<typeof answer, () => JsonSchema> = {
    value: () => notNull(type, root),
    list: () => page(itemsOf(type, root)),
    standing: () => ({
      ...{ type: "object", additionalProperties: false, required: ["subscription", "tier"] },
      properties: {
        subscription: outputSchema(type, root),
        tier: { type: "string", enum: tiersOf(schema), description: "What is open now because of it." },
      },
    }),
  };
  return { description: "As asked.", content: { "application/json": { schema: shown[answer]() } } };
}

/** Either the list itself, or what the nodes of a connection are. */
function itemsOf(type: GraphQLOutputType, root: FieldNode): JsonSchema {
  if (isListType(getNullableType(type))) return notNull(type, root);
  const nodes = root.selectionSet?.selections.find(
    (selection): selection is FieldNode => selection.kind === "Field" && selection.name.value === "nodes",
  ) as FieldNode;
  const connection = getNamedType(type) as GraphQLObjectType;
  return notNull(connection.getFields().nodes?.type as GraphQLOutputType, nodes);
}

const page = (items: JsonSchema): JsonSchema => ({
  ...{ type: "object", additionalProperties: false, required: ["items", "nextCursor"] },
  properties: {
    items,
    nextCursor: {
      ...nullable({ type: "string" }),
      description: "Give it as `after` for what follows; null at the end.",
    },
  },
});

const tiersOf = (schema: GraphQLSchema): string[] =>
  (schema.getType("PlanTier") as unknown as { getValues(): { name: string }[] })
    .getValues()
    .map(({ name }) => name);

/** What fragments show, under their names. */
function shownSchemas(schema: GraphQLSchema): Record<string, JsonSchema> {
  const shown = Object.entries(FRAGMENTS).map(([name, text]) => {
    const fragment = parse(text, { noLocation: true }).definitions[0] as FragmentDefinitionNode;
    return [
      name,
      objectSchema(schema.getType(fragment.typeCondition.name.value) as GraphQLObjectType, fragment),
    ];
  });
  return Object.fromEntries(shown);
}

const PROBLEM: JsonSchema = {
  type: "object",
  required: ["type", "title", "status", "detail", "code"],
  additionalProperties: false,
  properties: {
    type: { const: "about:blank" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "For people: what is wrong and what to do next." },
    code: { type: "string", enum: Object.keys(ERROR_CODES) },
    field: { type: "string", description: "What of the request is at fault." },
    retryable: { type: "boolean" },
    declineCode: { type: "string" },
    retryAfter: { type: "integer", description: "In how many seconds the same request may succeed." },
    requestId: { type: "string" },
  },
};

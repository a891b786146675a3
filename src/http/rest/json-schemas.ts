import {
  type FieldNode,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
} from "graphql";
import { namedSelection } from "./documents.ts";

/** JSON Schema 2020-12, as OpenAPI 3.1 has it. */
export type JsonSchema = Record<string, unknown>;

const SCALARS: Record<string, JsonSchema> = {
  ID: { type: "string" },
  String: { type: "string" },
  Boolean: { type: "boolean" },
  Int: { type: "integer" },
  SafeInt: { type: "integer", description: "An integer that JavaScript holds exactly." },
  DateTime: { type: "string", format: "date-time" },
  Currency: { type: "string", pattern: "^[A-Z]{3}$" },
};

export const reference = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

/** What a field that is selected like this answers. */
export function outputSchema(type: GraphQLOutputType, selected: FieldNode): JsonSchema {
  if (!isNonNullType(type)) return nullable(notNull(type, selected));
  return notNull(type.ofType as GraphQLOutputType, selected);
}

/** The same of something that is there. */
export function notNull(type: GraphQLOutputType, selected: FieldNode): JsonSchema {
  if (isNonNullType(type)) return notNull(type.ofType as GraphQLOutputType, selected);
  if (isListType(type))
    return { type: "array", items: outputSchema(type.ofType as GraphQLOutputType, selected) };
  if (isEnumType(type)) return { type: "string", enum: type.getValues().map(({ name }) => name) };
  if (!isObjectType(type)) return SCALARS[(type as { name: string }).name] as JsonSchema;
  const name = namedSelection(selected);
  return name ? reference(name) : objectSchema(type, selected);
}

/** An object with exactly the fields that are selected of it. */
export function objectSchema(
  type: GraphQLObjectType,
  { selectionSet }: Pick<FieldNode, "selectionSet">,
): JsonSchema {
  const fields = (selectionSet?.selections ?? []) as readonly FieldNode[];
  const properties = fields.map((field) => {
    const { type: fieldType, description } = type.getFields()[field.name.value] as {
      type: GraphQLOutputType;
      description?: string | null;
    };
    return [field.name.value, described(outputSchema(fieldType, field), description)] as const;
  });
  return {
    ...{ type: "object", additionalProperties: false },
    ...{ required: properties.map(([name]) => name), properties: Object.fromEntries(properties) },
  };
}

/** What may be given for a variable, or for a field of an input. */
export function inputSchema(type: GraphQLInputType): JsonSchema {
  if (!isNonNullType(type)) return nullable(givenSchema(type));
  return givenSchema(type.ofType as GraphQLInputType);
}

function givenSchema(type: GraphQLInputType): JsonSchema {
  if (isListType(type)) return { type: "array", items: inputSchema(type.ofType as GraphQLInputType) };
  if (isEnumType(type)) return { type: "string", enum: type.getValues().map(({ name }) => name) };
  if (isInputObjectType(type)) return bodySchema(type, []);
  return SCALARS[(type as { name: string }).name] as JsonSchema;
}

/** The body that stands for an input, without what the request says elsewhere. */
export function bodySchema(type: GraphQLInputObjectType, without: readonly string[]): JsonSchema {
  const fields = Object.values(type.getFields()).filter(({ name }) => !without.includes(name));
  const isRequired = ({ type: of, defaultValue }: (typeof fields)[number]) =>
    isNonNullType(of) && defaultValue === undefined;
  return {
    ...{
      type: "object",
      additionalProperties: false,
      required: fields.filter(isRequired).map(({ name }) => name),
    },
    properties: Object.fromEntries(
      fields.map((field) => [
        field.name,
        {
          ...described(inputSchema(field.type), field.description),
          ...(field.defaultValue !== undefined && { default: field.defaultValue }),
        },
      ]),
    ),
  };
}

const described = (schema: JsonSchema, description: string | null | undefined): JsonSchema =>
  description ? { ...schema, description } : schema;

export function nullable(schema: JsonSchema): JsonSchema {
  if (typeof schema.type !== "string") return { anyOf: [schema, { type: "null" }] };
  const values = schema.enum as string[] | undefined;
  return { ...schema, type: [schema.type, "null"], ...(values && { enum: [...values, null] }) };
}

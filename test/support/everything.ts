import {
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isLeafType,
  isNonNullType,
  isObjectType,
} from "graphql";

/** Values of arguments as GraphQL writes them, by `Type.field.argument`, else by the argument's name. */
export type Arguments = Record<string, string>;

/**
 * Queries that ask for every field there is, one for each root field, as deep as given. A field is left out when it
 * needs an argument that is not given.
 */
export function askForEverything(schema: GraphQLSchema, values: Arguments, depth = 5): string[] {
  const root = schema.getQueryType()!;
  return Object.values(root.getFields())
    .filter(({ name }) => !name.startsWith("_"))
    .flatMap((field) => selected(root, field, { values, depth, above: [] }))
    .map((selection) => `{ ${selection} }`);
}

interface Place {
  values: Arguments;
  depth: number;
  /** Types that this is within: none is entered a second time. */
  above: string[];
}

function selected(parent: GraphQLObjectType, field: GraphQLField<unknown, unknown>, place: Place): string[] {
  const given = field.args.map(({ name, type }) => ({
    ...{
      name,
      isNeeded:
        isNonNullType(type) && !field.args.some((arg) => arg.name === name && arg.defaultValue !== undefined),
    },
    value: place.values[`${parent.name}.${field.name}.${name}`] ?? place.values[name],
  }));
  if (given.some(({ isNeeded, value }) => isNeeded && value === undefined)) return [];
  const pairs = given
    .filter(({ value }) => value !== undefined)
    .map(({ name, value }) => `${name}: ${value}`);
  const call = pairs.length > 0 ? `${field.name}(${pairs.join(", ")})` : field.name;
  const type = getNamedType(field.type);
  if (isLeafType(type)) return [call];
  if (!isObjectType(type) || place.depth === 0 || place.above.includes(type.name)) return [];
  const within = { ...place, depth: place.depth - 1, above: [...place.above, type.name] };
  const inner = Object.values(type.getFields()).flatMap((each) => selected(type, each, within));
  return inner.length > 0 ? [`${call} { ${inner.join(" ")} }`] : [];
}

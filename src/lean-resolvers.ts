import type { GraphQLFieldResolver } from "graphql";
import { getMetadataStorage } from "type-graphql";
import { checkRule } from "./auth/rules.ts";
import type { Context } from "./context.ts";

type Resolver = GraphQLFieldResolver<object, Context>;
type Resolvers = Record<string, Record<string, Resolver>>;
/** What has an instance of each resolver class. */
type Container = { get(type: Class): unknown };
type Declared = ReturnType<typeof getMetadataStorage>;
type FieldResolver = Declared["fieldResolvers"][number];
// biome-ignore lint/complexity/noBannedTypes: TypeGraphQL's own type for classes
type Class = Function;

/** The name in the schema of each class that is an object type. */
export function typeNames(): Map<Class, string> {
  return new Map(getMetadataStorage().objectTypes.map(({ target, name }) => [target, name]));
}

/**
 * Puts, in the place of TypeGraphQL's resolvers for fields of objects, ones that do the same without its promises and
 * lists of parameters for each value, and none for a property that can be read as it is. Only where a rule, the parent
 * and the context are all that there is to it. For after the schema has been built.
 */
export function makeLean(resolvers: Resolvers, container: Container): void {
  const { objectTypes, fieldResolvers } = getMetadataStorage();
  for (const { target, name, fields = [] } of objectTypes) {
    const own = resolvers[name] ?? {};
    for (const field of fields) {
      const { schemaName } = field;
      const method = fieldResolvers.find(
        (one) => one.getObjectType?.() === target && one.methodName === field.name,
      );
      const usual = own[schemaName];
      if (!usual || field.middlewares?.length) continue;
      if (method) own[schemaName] = caller(method, target, container, usual);
      else if (field.roles) continue;
      else if (isProperty(target, field)) delete own[schemaName];
      else own[schemaName] = (root) => (root as Record<string, unknown>)[field.name];
    }
  }
}

/** Calls a method of a resolver class for a parent that is of its class already; else the usual way. */
function caller(field: FieldResolver, type: Class, container: Container, usual: Resolver): Resolver {
  const { kind, target, methodName, roles, middlewares = [] } = field;
  const params = [...(field.params ?? [])].sort((left, right) => left.index - right.index);
  const isPlain = params.every((one) => (one.kind === "root" || one.kind === "context") && !one.propertyName);
  if (kind !== "external" || middlewares.length > 0 || !isPlain) return usual;
  const call = calling(params.map((one) => one.kind === "root"));
  return (root, args, context, info) => {
    if (!(root instanceof type)) return usual(root, args, context, info);
    if (roles) checkRule({ root, args, context, info }, roles);
    return call(container.get(target) as Record<string, Method>, methodName, root, context);
  };
}

type Method = (...parameters: object[]) => unknown;

/** Calls a method by its name, with the parent and the context in its order: of two at most without a list of them. */
function calling(areRoots: readonly boolean[]) {
  const [first, second] = areRoots;
  return (instance: Record<string, Method>, name: string, root: object, context: Context): unknown => {
    if (areRoots.length === 1) return instance[name]?.(first ? root : context);
    if (areRoots.length === 2) return instance[name]?.(first ? root : context, second ? root : context);
    return instance[name]?.(...areRoots.map((isRoot) => (isRoot ? root : context)));
  };
}

/** Whether a field is data that stands in its object under the same name. */
function isProperty(
  { prototype }: Class,
  { name, schemaName }: { name: string; schemaName: string },
): boolean {
  return name === schemaName && descriptorOf(prototype, name)?.get === undefined;
}

function descriptorOf(prototype: object | null, name: string): PropertyDescriptor | undefined {
  if (!prototype) return undefined;
  return (
    Object.getOwnPropertyDescriptor(prototype, name) ?? descriptorOf(Object.getPrototypeOf(prototype), name)
  );
}

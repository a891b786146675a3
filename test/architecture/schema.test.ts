import { buildSchema, type GraphQLSchema, isObjectType, Kind, parse, print } from "graphql";
import { REFERENCES, referenceResolver } from "../../src/references.ts";
import { declaredSchema, entityNames, schemaSdl } from "../../src/schema.ts";
import { read } from "./source.ts";

const RULES = ["public", "viewer", "signed-in", "owner", "admin", "staff"];
/** Types whose every field is somebody's to allow: the roots, and entities that other services own. */
const GUARDED = ["Query", "Mutation", "Subscription", "User", "Course", "LearningPath"];

/** Fields of guarded types without exactly one rule; the key of a federated entity needs none. */
function ruleFaults(schema: GraphQLSchema): string[] {
  return GUARDED.flatMap((name) => {
    const type = schema.getType(name);
    const fields = isObjectType(type) ? Object.values(type.getFields()) : [];
    return fields
      .filter((field) => field.name !== "id" && !RULES.includes(String(field.extensions.rule)))
      .map((field) => `${name}.${field.name} says nobody who may ask for it: give it a @Rule`);
  });
}

function referenceFaults(entities: readonly string[], resolvers: readonly string[]): string[] {
  return [
    ...entities
      .filter((name) => !resolvers.includes(name))
      .map((name) => `${name} has no reference resolver`),
    ...resolvers.filter((name) => !entities.includes(name)).map((name) => `${name} is no entity with a key`),
  ];
}

test("schema.graphql is what the code declares", () => {
  expect(read("schema.graphql")).toBe(schemaSdl());
});

test("every query, mutation and live field, and what is added to others' entities, carries a rule", () => {
  expect(ruleFaults(declaredSchema())).toEqual([]);
});

test("the rule of the rules sees a field that nobody guards", () => {
  const schema = buildSchema(
    "type Query { open: Int } type User { id: ID! secret: Int } type Plan { name: Int }",
  );
  expect(ruleFaults(schema)).toEqual([
    expect.stringContaining("Query.open"),
    expect.stringContaining("User.secret"),
  ]);
  const query = schema.getQueryType();
  if (query) Object.assign(query.getFields().open ?? {}, { extensions: { rule: "everybody" } });
  expect(ruleFaults(schema)).toHaveLength(2);
  if (query) Object.assign(query.getFields().open ?? {}, { extensions: { rule: "public" } });
  expect(ruleFaults(schema)).toHaveLength(1);
});

test("fields of staff are kept out of public contracts by their tag", () => {
  expect(tagFaults(declaredSchema(), schemaSdl())).toEqual([]);
  const schema = buildSchema("type Query { secret: Int shown: Int }");
  Object.assign(schema.getQueryType()?.getFields().secret ?? {}, { extensions: { rule: "admin" } });
  expect(tagFaults(schema, "type Query {\n  secret: Int\n}")).toHaveLength(1);
  expect(tagFaults(schema, 'type Query {\n  secret: Int @tag(name: "internal")\n}')).toEqual([]);
});

/** Admin and service fields without `@tag(name: "internal")` in the SDL. */
function tagFaults(schema: GraphQLSchema, sdl: string): string[] {
  const tagged = taggedFields(sdl);
  return GUARDED.flatMap((name) => {
    const type = schema.getType(name);
    const fields = isObjectType(type) ? Object.values(type.getFields()) : [];
    return fields
      .filter(({ extensions }) => extensions.rule === "admin" || extensions.rule === "staff")
      .filter((field) => !tagged.has(`${name}.${field.name}`))
      .map((field) => `${name}.${field.name} is for staff and carries no @tag(name: "internal")`);
  });
}

function taggedFields(sdl: string): Set<string> {
  const types = parse(sdl).definitions.filter((node) => node.kind === Kind.OBJECT_TYPE_DEFINITION);
  return new Set(
    types.flatMap(({ name, fields = [] }) =>
      fields
        .filter(({ directives = [] }) => directives.some((node) => print(node) === '@tag(name: "internal")'))
        .map((field) => `${name.value}.${field.name.value}`),
    ),
  );
}

test("every entity with a key can be referred to, and nothing else", () => {
  expect(referenceFaults(entityNames(declaredSchema()), Object.keys(REFERENCES))).toEqual([]);
  expect(referenceFaults(["A", "B"], ["B", "C"])).toEqual([
    "A has no reference resolver",
    "C is no entity with a key",
  ]);
});

test("a type without a reference resolver stops the start", () => {
  expect(() => referenceResolver("Nothing")).toThrow("Nothing");
});

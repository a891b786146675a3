import { type DocumentNode, type GraphQLSchema, Kind, visit } from "graphql";

/** Root fields whose answers are the same for everyone. */
const PUBLIC_FIELDS = new Set(["plans", "plan", "offers", "paymentConfig", "__typename"]);
const known = new WeakMap<DocumentNode, boolean>();

/** Whether every root field of a document is public, so that its answer may be kept by caches. */
export function isPublicDocument(schema: GraphQLSchema, document: DocumentNode): boolean {
  let isPublic = known.get(document);
  if (isPublic === undefined) {
    isPublic = rootFields(schema, document).every((name) => PUBLIC_FIELDS.has(name));
    known.set(document, isPublic);
  }
  return isPublic;
}

/** Names of the fields that a document asks of the root. */
export function rootFields(schema: GraphQLSchema, document: DocumentNode): string[] {
  const names: string[] = [];
  const root = schema.getQueryType()?.name;
  visit(document, {
    [Kind.FIELD]: (field) => {
      names.push(field.name.value);
      return false;
    },
    // a fragment on another type lies below the root fields
    [Kind.FRAGMENT_DEFINITION]: (fragment) =>
      fragment.typeCondition.name.value === root ? undefined : false,
  });
  return names;
}

import { type DocumentNode, type GraphQLSchema, Kind, visit } from "graphql";

/** Root fields whose answers are the same for everyone. */
const PUBLIC_FIELDS = new Set(["plans", "plan", "offers", "paymentConfig", "__typename"]);
const known = new WeakMap<DocumentNode, boolean>();

/** Fields below them that are about whoever asks. */
const OF_VIEWER = /^viewer/;

/** Whether a document asks for nothing but what is the same for everyone, so that its answer may be kept by caches. */
export function isPublicDocument(schema: GraphQLSchema, document: DocumentNode): boolean {
  let isPublic = known.get(document);
  if (isPublic === undefined) {
    isPublic =
      rootFields(schema, document).every((name) => PUBLIC_FIELDS.has(name)) && !asksOfViewer(document);
    known.set(document, isPublic);
  }
  return isPublic;
}

function asksOfViewer(document: DocumentNode): boolean {
  let found = false;
  visit(document, {
    [Kind.FIELD]: ({ name }) => {
      found ||= OF_VIEWER.test(name.value);
    },
  });
  return found;
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

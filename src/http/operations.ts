import { createHash } from "node:crypto";
import {
  type DocumentNode,
  type FieldNode,
  type GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from "graphql";
import type { Asks } from "../context.ts";
import { costFault } from "../limits.ts";
import { LARGEST, type Run, runnerOf, sizeOf } from "./compiled.ts";
import { OperationLabels } from "./operation-labels.ts";
import { isPublicDocument, rootFields } from "./public-documents.ts";

/** In characters. A longer document is read anew whenever it comes. */
const LONGEST = 16 * 1024;
/** In bytes, of all that documents are parsed and compiled into, as far as that can be told beforehand. */
const ROOM = 64 * 1024 * 1024;
/** What a field takes, once unfolded from its fragments: compiled code, mostly. Measured: 0.65 kB. */
const BYTES_A_FIELD = 1024;
/** What a character of the text takes, parsed. */
const BYTES_A_CHARACTER = 50;

/** A query that was validated before, ready to be run again. */
export interface Operation {
  /** What it is called where it is counted. */
  readonly label: string;
  /** Whether its answer is the same for everyone. */
  readonly isPublic: boolean;
  readonly asks: Asks;
  /** Why it costs too much with these variables, if it does. */
  readonly faultOf: (variables: Record<string, unknown> | undefined) => GraphQLError | undefined;
  readonly run: Run;
}

/** What a client names an operation by: its text, its SHA-256 (automatic persisted queries), or both. */
export interface Asked {
  readonly text: string | undefined;
  readonly hash: string | undefined;
  readonly name: string | undefined;
}

interface Kept extends Operation {
  readonly text: string;
  readonly hash: string;
  readonly name: string | undefined;
  readonly bytes: number;
}

/**
 * Queries that have been parsed and validated for this schema, by their text and its hash; within bounds, the ones
 * used last.
 */
export class Operations {
  readonly labels = new OperationLabels();
  private readonly byText = new Map<string, Kept>();
  private readonly byHash = new Map<string, Kept>();
  private bytes = 0;

  constructor(private readonly schema: GraphQLSchema) {}

  /** Keeps a document that is valid for the schema, if it is one query, and no introspection. */
  remember(text: string, document: DocumentNode): void {
    const operation = onlyQuery(document);
    if (!operation || text.length > LONGEST || this.byText.has(text)) return;
    if (rootFields(this.schema, document).some(isIntrospection)) return;
    const kept: Kept = {
      ...{ text, hash: createHash("sha256").update(text).digest("hex"), name: operation.name?.value },
      label: this.labels.of(operation),
      isPublic: isPublicDocument(this.schema, document),
      asks: { anywhere: fieldsIn(this.schema, document), ofEntities: entityFields(operation, document) },
      faultOf: (variables) => costFault(this.schema, document, operation, variables),
      run: runnerOf(this.schema, document),
      bytes: text.length * BYTES_A_CHARACTER + Math.min(sizeOf(document), LARGEST) * BYTES_A_FIELD,
    };
    this.byText.set(text, kept);
    this.byHash.set(kept.hash, kept);
    this.bytes += kept.bytes;
    this.makeRoom();
  }

  /** The operation asked for; undefined for what is not known here, and for a text whose hash or name is another. */
  find({ text, hash, name }: Asked): Operation | undefined {
    const found = text === undefined ? this.byHash.get(hash ?? "") : this.byText.get(text);
    if (!found || (hash !== undefined && hash !== found.hash)) return undefined;
    if (name !== undefined && name !== found.name) return undefined;
    // the last in the map is the one used last
    this.byText.delete(found.text);
    this.byText.set(found.text, found);
    return found;
  }

  private makeRoom(): void {
    for (const { text, hash, bytes } of this.byText.values()) {
      if (this.bytes <= ROOM) return;
      this.byText.delete(text);
      this.byHash.delete(hash);
      this.bytes -= bytes;
    }
  }
}

function onlyQuery({ definitions }: DocumentNode): OperationDefinitionNode | undefined {
  const [first, ...others] = definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
  return others.length === 0 && first?.operation === "query" ? first : undefined;
}

function fieldsIn(schema: GraphQLSchema, document: DocumentNode): ReadonlySet<string> {
  const fields = new Set<string>();
  const types = new TypeInfo(schema);
  const note = {
    Field: ({ name }: FieldNode) => void fields.add(`${types.getParentType()?.name}.${name.value}`),
  };
  visit(document, visitWithTypeInfo(types, note));
  return fields;
}

/** The fields directly below `_entities`, except for what a directive may leave out. */
function entityFields(operation: OperationDefinitionNode, document: DocumentNode): ReadonlySet<string> {
  const fragments = new Map(
    document.definitions
      .filter((one) => one.kind === Kind.FRAGMENT_DEFINITION)
      .map((one) => [one.name.value, one] as const),
  );
  const fields = new Set<string>();
  const each = (
    set: SelectionSetNode | undefined,
    type: string,
    see: (field: FieldNode, on: string) => void,
  ) => {
    for (const one of set?.selections ?? []) {
      if (one.directives?.length) continue;
      const fragment = one.kind === Kind.FRAGMENT_SPREAD ? fragments.get(one.name.value) : one;
      if (fragment?.kind === Kind.FIELD) see(fragment, type);
      else each(fragment?.selectionSet, fragment?.typeCondition?.name.value ?? type, see);
    }
  };
  each(operation.selectionSet, "Query", (root) => {
    if (root.name.value !== "_entities") return;
    each(root.selectionSet, "_Entity", ({ name }, type) => void fields.add(`${type}.${name.value}`));
  });
  return fields;
}

const isIntrospection = (field: string) => field.startsWith("__") && field !== "__typename";

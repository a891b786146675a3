import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  typeFromAST,
  type ValueNode,
} from "graphql";

/** How many there are taken to be of a list that nobody says the length of. */
const USUAL_LENGTH = 10;
/** The longest page there is; longer ones are refused with a better reason. */
const LONGEST_PAGE = 100;
/** Rows of a user's data that one answer holds: a document has room for it once. */
export const MAX_EXPORTED_ROWS = 6_000;
/** Queries that answer with so many objects at once, in one value. */
const IN_ONE: Readonly<Record<string, number>> = { userDataExport: MAX_EXPORTED_ROWS };
/** Of references, when a document is looked at without what it refers to. */
const USUAL_REFERENCES = 100;

type Variables = Readonly<Record<string, unknown>>;
/** One look at an operation: its variables, and what fragments were found to cost with them. */
interface Look {
  readonly variables: Variables;
  readonly known: Map<Cost, number>;
}
/** So many objects. */
type Cost = (look: Look) => number;
type Length = Cost | undefined;

/**
 * What an operation costs: the objects that it may answer with, pages as long as they are asked for (`first`), other lists
 * with ten in each; values of objects cost nothing. Gives a function of the variables as they were sent.
 */
export function costOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
): (variables: Variables) => number {
  const root = schema.getRootType(operation.operation);
  if (!root) return () => 0;
  const costs = new Costs(schema, document, operation).of(operation.selectionSet, root, undefined);
  return (variables) => Math.min(sum(costs, { variables, known: new Map() }), Number.MAX_SAFE_INTEGER);
}

class Costs {
  private readonly fragments = new Map<string, FragmentDefinitionNode>();
  private readonly defaults = new Map<string, unknown>();
  /** Each is taken apart once for all that spread it, and summed up once a look, however often that is. */
  private readonly ofFragments = new Map<Length, Map<string, Cost>>();

  constructor(
    private readonly schema: GraphQLSchema,
    { definitions }: DocumentNode,
    { variableDefinitions = [] }: OperationDefinitionNode,
  ) {
    for (const one of definitions)
      if (one.kind === Kind.FRAGMENT_DEFINITION) this.fragments.set(one.name.value, one);
    for (const { variable, defaultValue } of variableDefinitions)
      if (defaultValue) this.defaults.set(variable.name.value, plainOf(defaultValue));
  }

  /** @param page how long the page is that the selection belongs to, where that is a connection */
  of(set: SelectionSetNode, type: GraphQLNamedType, page: Length): Cost[] {
    return set.selections.flatMap((selection) => {
      if (selection.kind === Kind.FIELD) return this.ofField(selection, type, page);
      if (selection.kind === Kind.FRAGMENT_SPREAD) return this.ofFragment(selection.name.value, page);
      const { typeCondition } = selection;
      const inner = typeCondition ? typeFromAST(this.schema, typeCondition) : type;
      return inner ? this.of(selection.selectionSet, inner, page) : [];
    });
  }

  private ofFragment(name: string, page: Length): Cost {
    const inPage = this.ofFragments.get(page) ?? new Map<string, Cost>();
    this.ofFragments.set(page, inPage);
    const known = inPage.get(name);
    if (known) return known;
    let costs: Cost[] = [];
    const cost: Cost = (look) => {
      const before = look.known.get(cost);
      if (before !== undefined) return before;
      look.known.set(cost, 0); // within itself, which another rule refuses
      const total = sum(costs, look);
      look.known.set(cost, total);
      return total;
    };
    inPage.set(name, cost);
    const fragment = this.fragments.get(name);
    const type = fragment && typeFromAST(this.schema, fragment.typeCondition);
    if (fragment && type) costs = this.of(fragment.selectionSet, type, page);
    return cost;
  }

  private ofField(node: FieldNode, parent: GraphQLNamedType, page: Length): Cost[] {
    const field =
      isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[node.name.value] : undefined;
    const type = field && getNamedType(field.type);
    const inOne = parent === this.schema.getQueryType() ? IN_ONE[node.name.value] : undefined;
    if (inOne) return [() => inOne];
    if (!field || !isCompositeType(type) || !node.selectionSet) return [];
    const own = this.pageOf(node, field);
    const inner = this.of(node.selectionSet, type, own);
    const isList = isListType(getNullableType(field.type));
    const length = isList ? (own ?? this.referencesOf(node) ?? page ?? usual) : one;
    return [(look) => length(look) * (1 + sum(inner, look))];
  }

  private pageOf(node: FieldNode, { args }: GraphQLField<unknown, unknown>): Length {
    const argument = args.find(({ name }) => name === "first");
    if (!argument) return undefined;
    const given = this.valueOf(node, "first");
    return (look) => {
      const first = given?.(look) ?? argument.defaultValue;
      if (typeof first === "number") return Math.min(Math.max(first, 0), LONGEST_PAGE);
      // what is no number is refused for that, by whoever runs it
      return first == null ? LONGEST_PAGE : 0;
    };
  }

  /** What a gateway asks of each of many. */
  private referencesOf(node: FieldNode): Length {
    const given = this.valueOf(node, "representations");
    return (
      given &&
      ((look) => {
        const references = given(look);
        return Array.isArray(references) ? references.length : USUAL_REFERENCES;
      })
    );
  }

  private valueOf(node: FieldNode, name: string): ((look: Look) => unknown) | undefined {
    const value = node.arguments?.find((argument) => argument.name.value === name)?.value;
    if (!value) return undefined;
    if (value.kind !== Kind.VARIABLE) return () => plainOf(value);
    const variable = value.name.value;
    return ({ variables }) => variables[variable] ?? this.defaults.get(variable);
  }
}

const one: Cost = () => 1;
const usual: Cost = () => USUAL_LENGTH;
const sum = (costs: readonly Cost[], look: Look) => {
  let total = 0;
  for (const cost of costs) total += cost(look);
  return total;
};

/** A number as such, of a list its length, and nothing of all else. */
function plainOf(value: ValueNode): unknown {
  if (value.kind === Kind.INT) return Number(value.value);
  return value.kind === Kind.LIST ? value.values : undefined;
}

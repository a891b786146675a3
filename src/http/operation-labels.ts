import { Kind, type OperationDefinitionNode } from "graphql";

/** Names that are told apart; clients choose them, and whoever likes may send a new one each time. */
const MOST_NAMES = 100;
const LONGEST_NAME = 80;

/**
 * What operations are called where they are counted, bounded whatever clients send: the first hundred names as they are;
 * any other operation, and one without a name, by its first root field in braces. Only for documents that are valid.
 */
export class OperationLabels {
  private readonly names = new Set<string>();

  of({ name, selectionSet }: OperationDefinitionNode): string {
    const given = name?.value;
    if (given !== undefined && this.takes(given)) return given;
    const first = selectionSet.selections.find((one) => one.kind === Kind.FIELD);
    return first ? `{${first.name.value}}` : "{…}";
  }

  private takes(name: string): boolean {
    if (this.names.has(name)) return true;
    if (this.names.size >= MOST_NAMES || name.length > LONGEST_NAME) return false;
    this.names.add(name);
    return true;
  }
}

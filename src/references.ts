import { OPAQUE_ID } from "./auth/caller.ts";
import type { Context } from "./context.ts";
import { BadUserInput, NotFound } from "./errors.ts";
import { subscriptionLoader } from "./services/brief-subscriptions.ts";
import { Course, LearningPath, reference, User } from "./types/federated.ts";

/** What the gateway sends for an entity: its type and key. */
interface Reference {
  id: string;
}
type Resolve = (reference: Reference, context: Context) => unknown;

/** A row of ours that belongs to a user: null for anyone else's, and for one that does not exist. */
function owned<T extends { userId: string }>(
  load: (context: Context, id: string) => Promise<T | null>,
): Resolve {
  return async ({ id }, context) => {
    // loads first, so that all references of one request share a statement
    const found = await load(context, id);
    context.caller.assertKnown();
    return found && context.caller.maySee(found.userId) ? found : null;
  };
}

/** An entity of another subgraph; what cannot be an id of theirs is not there, and spoils no one else's answer. */
function foreign<T extends { id: string }>(type: new () => T): Resolve {
  return ({ id }) => (OPAQUE_ID.test(id) ? reference(type, id) : null);
}

/**
 * How each entity is found by its key. Entities of other subgraphs are only their id here; what is private about
 * them is guarded on their fields.
 */
export const REFERENCES: Record<string, Resolve> = {
  Plan: ({ id }, { loaders }) => loaders.plan.load(id),
  UserSubscription: owned(({ loaders }, id) => loaders.subscription.load(id)),
  PaymentMethod: owned(({ loaders }, id) => loaders.paymentMethod.load(id)),
  Payment: owned(({ loaders }, id) => loaders.payment.load(id)),
  Invoice: owned(({ loaders }, id) => loaders.invoice.load(id)),
  Purchase: owned(({ loaders }, id) => loaders.purchase.load(id)),
  UserAccess: owned(({ loaders }, id) => loaders.userAccess.load(id)),
  User: foreign(User),
  Course: foreign(Course),
  LearningPath: foreign(LearningPath),
};

/** The resolver of a type's references. @throws NotFound for a type without one, at start */
export function referenceResolver(type: string): Resolve {
  const resolve = REFERENCES[type];
  if (!resolve) throw new NotFound(`reference resolver for ${type}`);
  return (reference, context) => {
    if (typeof reference.id === "string") return resolve(reference, context);
    throw malformed(`A reference to ${type} needs its id, a string.`);
  };
}

/** Ten times what the largest page asks for: a gateway sends the entities of one page at once. */
export const MOST_REFERENCES = 1_000;

/** @throws BadUserInput for too many, and for a reference to what is no entity here: either spoils the whole list */
export function assertReferences(representations: readonly unknown[]): void {
  if (representations.length > MOST_REFERENCES)
    throw malformed(`At most ${MOST_REFERENCES} references may be asked for at once.`);
  for (const reference of representations) {
    const name = (reference as { __typename?: unknown }).__typename;
    if (typeof name !== "string" || !Object.hasOwn(REFERENCES, name))
      throw malformed(`A reference names a type with a key: ${Object.keys(REFERENCES).join(", ")}.`);
  }
}

/**
 * Reads what an operation asks of long lists of entities all at once, as far as the caller may see it; undefined when
 * there is nothing of the kind. The rules of the fields stand in front of it all the same.
 */
export function foresee(entities: readonly unknown[], context: Context): Promise<unknown> | undefined {
  const { caller, asks, loaders } = context;
  if (!asks || !caller.isKnown) return undefined;
  const reading: Promise<void>[] = [];
  if (asks.ofEntities.has("User.subscription")) {
    const userIds = idsOf(User, entities).filter((id) => caller.maySee(id));
    if (isList(userIds)) reading.push(subscriptionLoader(context).foresee(userIds));
  }
  if (asks.ofEntities.has("Course.viewerAccess") && !caller.isService) {
    const [userId, courseIds] = [caller.ownId(), idsOf(Course, entities)];
    const questions = courseIds.map((resourceId) => ({
      userId,
      resourceType: "COURSE" as const,
      resourceId,
    }));
    if (isList(questions)) reading.push(loaders.decision.foresee(questions));
  }
  return reading.length > 0 ? Promise.all(reading) : undefined;
}

/** One alone needs no reading ahead. */
const isList = <T>(all: T[]): all is [T, T, ...T[]] => all.length > 1;

/** The ids of those that are of a type, each once. */
function idsOf(type: new () => { id: string }, entities: readonly unknown[]): string[] {
  const ids = new Set<string>();
  for (const entity of entities) if (entity instanceof type) ids.add(entity.id);
  return [...ids];
}

const malformed = (message: string) => new BadUserInput("representations", message);

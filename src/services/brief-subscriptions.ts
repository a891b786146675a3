/** What a list of users shows of their subscriptions, which are a quarter of their columns. */
export const BRIEF_COLUMNS = ["id", "userId", "status", "planId", "duplicateOf"] as const;

/** Fields of a subscription that those columns are enough for. A new one is not among them. */
export const BRIEF_FIELDS = ["__typename", "id", "status", "plan", "user"];

const TYPE = "UserSubscription.";
const ENOUGH = new Set(BRIEF_FIELDS.map((name) => TYPE + name));
const known = new WeakMap<ReadonlySet<string>, boolean>();

/** Whether an operation that asks for these fields (`Type.field`), anywhere in it, needs no more of a subscription. */
function isBrief(fields: ReadonlySet<string> | undefined): boolean {
  if (!fields) return false;
  const answer = known.get(fields) ?? [...fields].every((name) => !name.startsWith(TYPE) || ENOUGH.has(name));
  known.set(fields, answer);
  return answer;
}

/** The loader of users' subscriptions that reads as much as an operation needs. */
export const subscriptionLoader = <Loader>(context: {
  asks: { readonly anywhere: ReadonlySet<string> } | undefined;
  loaders: { briefSubscription: Loader; currentSubscription: Loader };
}): Loader =>
  isBrief(context.asks?.anywhere) ? context.loaders.briefSubscription : context.loaders.currentSubscription;

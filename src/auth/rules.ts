import type { AuthCheckerFn } from "type-graphql";
import { Authorized, createParameterDecorator, Extensions, ID } from "type-graphql";
import type { Context } from "../context.ts";

/**
 * The rules that stand on fields. Every query, mutation and subscription, and every private field of an
 * entity that is owned elsewhere, carries exactly one; a test refuses a field without.
 */
export type Rule =
  /** Anyone, token or not. */
  | "public"
  /** Nobody signed in is fine; a token that cannot be trusted is not. */
  | "viewer"
  /** Any known caller; the field itself decides by whose row it is (see {@link UserId}). */
  | "signed-in"
  /** The owner of the parent object (`root.id` is a user id), an admin or a service. */
  | "owner"
  | "admin"
  /** An admin or a service. */
  | "staff";

/** Declares who may ask for a field. */
export function Rule(rule: Rule): MethodDecorator & PropertyDecorator {
  return (target: object, key: string | symbol, descriptor?: PropertyDescriptor) => {
    (Extensions({ rule }) as MethodDecorator)(target, key, descriptor as PropertyDescriptor);
    (Authorized(rule) as MethodDecorator)(target, key, descriptor as PropertyDescriptor);
  };
}

const checks: Record<Rule, (context: Context, root: unknown) => void> = {
  public: () => {},
  viewer: ({ caller }) => {
    if (caller.isUntrusted) caller.assertKnown();
  },
  "signed-in": ({ caller }) => caller.assertKnown(),
  owner: ({ caller }, root) => caller.assertMaySee((root as { id: string }).id),
  admin: ({ caller }) => caller.assertAdmin(),
  staff: ({ caller }) => caller.assertStaff(),
};

/** TypeGraphQL's hook: throws the refusal itself, so that its code says what is wrong. */
export const checkRule: AuthCheckerFn<Context, Rule> = ({ context, root }, rules) => {
  for (const rule of rules) checks[rule](context, root);
  return true;
};

/**
 * The optional argument `userId`, resolved to the user that the call is about: the one named, when the caller
 * may see them, else the caller.
 */
export function UserId(): ParameterDecorator {
  const decorate = createParameterDecorator<Context>(
    ({ context, args }) => context.caller.targetUser(args.userId),
    {
      arg: {
        name: "userId",
        typeFunc: () => ID,
        options: {
          nullable: true,
          description: "Defaults to the signed-in user; another's needs admin or service.",
        },
      },
    },
  );
  return decorate as ParameterDecorator;
}

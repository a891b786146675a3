import { IsOptional, Matches } from "class-validator";
import { createParameterDecorator, Field } from "type-graphql";
import { BadUserInput } from "../../errors.ts";

const FORM = /^\P{Cc}{1,255}$/u;
const FAULT = "An idempotency key has 1 to 255 characters, none of them control characters.";
const DESCRIPTION = "The same key and input gives the first answer again; another input is CONFLICT.";

/** The optional field `idempotencyKey` of a mutation's input. */
export function IdempotencyKeyField(): PropertyDecorator {
  return (target, key) => {
    Field(() => String, { nullable: true, description: DESCRIPTION })(target, key);
    IsOptional()(target, key);
    Matches(FORM, { message: FAULT })(target, key);
  };
}

/** The optional argument `idempotencyKey` of a mutation that has no input object. @throws BadUserInput */
export function IdempotencyKey(): ParameterDecorator {
  const decorate = createParameterDecorator(
    ({ args: { idempotencyKey: key } }) => {
      if (key != null && !FORM.test(key)) throw new BadUserInput("idempotencyKey", FAULT);
      return key ?? null;
    },
    {
      arg: {
        name: "idempotencyKey",
        typeFunc: () => String,
        options: { nullable: true, description: DESCRIPTION },
      },
    },
  );
  return decorate as ParameterDecorator;
}

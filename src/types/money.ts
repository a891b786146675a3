import { Directive, Field, ObjectType } from "type-graphql";
import { Currency, SafeInt } from "./scalars.ts";

/** Integer minor units and their currency; amounts of two currencies are never added. */
@ObjectType()
@Directive("@shareable")
export class MonetaryAmount {
  @Field(() => SafeInt)
  amount: number;

  @Field(() => Currency)
  currency: string;

  constructor(amount: number, currency: string) {
    this.amount = amount;
    this.currency = currency;
  }
}

import { Arg, Args, Ctx, FieldResolver, ID, Query, Resolver, Root } from "type-graphql";
import { Rule, UserId } from "../auth/rules.ts";
import type { Context } from "../context.ts";
import { Invoice, InvoiceConnection, InvoiceLine } from "../entities/invoice.ts";
import type { InvoiceLinks, InvoiceView } from "../services/invoice-links.ts";
import { pageAsked } from "../services/pages.ts";
import type { Connection } from "../types/connection.ts";
import { reference, User } from "../types/federated.ts";
import { PageArgs } from "./inputs/page.inputs.ts";

@Resolver(() => Invoice)
export class InvoiceResolver {
  constructor(private readonly links: InvoiceLinks) {}

  @Query(() => InvoiceConnection, { description: "Newest first." })
  @Rule("signed-in")
  invoices(
    @UserId() userId: string,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() { loaders }: Context,
  ): Promise<Connection<Invoice>> {
    return loaders.invoices.load(pageAsked({ ...page, userId }));
  }

  @Query(() => Invoice, { nullable: true })
  @Rule("signed-in")
  async invoice(
    @Arg("id", () => ID) id: string,
    @Ctx() { caller, loaders }: Context,
  ): Promise<Invoice | null> {
    const found = await loaders.invoice.load(id);
    return found && caller.maySee(found.userId) ? found : null;
  }

  @FieldResolver(() => User, { nullable: true })
  user(@Root() { userId }: Invoice): User {
    return reference(User, userId);
  }

  @FieldResolver(() => [InvoiceLine])
  lines(@Root() { stripeInvoiceId }: Invoice, @Ctx() { loaders }: Context): Promise<InvoiceLine[]> {
    return loaders.invoiceLines.load(stripeInvoiceId);
  }

  @FieldResolver(() => String, {
    nullable: true,
    description:
      "Opens the page where it is shown, and paid while it is open. For its owner alone, and for five minutes; null for a draft.",
  })
  hostedInvoiceUrl(@Root() invoice: Invoice, @Ctx() context: Context): string | null {
    return this.linkTo("page", invoice, context);
  }

  @FieldResolver(() => String, {
    nullable: true,
    description: "Opens it as PDF. For its owner alone, and for five minutes; null for a draft.",
  })
  pdfUrl(@Root() invoice: Invoice, @Ctx() context: Context): string | null {
    return this.linkTo("pdf", invoice, context);
  }

  private linkTo(view: InvoiceView, { id, userId, isIssued }: Invoice, { caller }: Context): string | null {
    return caller.isOwner(userId) && isIssued ? this.links.to(view, id) : null;
  }
}

/** Every table, in the order in which a reader should meet them. */
import { AnonymizedUser } from "./anonymized-user.ts";
import { AuditEntry } from "./audit-entry.ts";
import { Charge } from "./charge.ts";
import { CheckoutSession } from "./checkout-session.ts";
import { Cursor } from "./cursor.ts";
import { Customer } from "./customer.ts";
import { Dispute } from "./dispute.ts";
import { ExpiryNotice } from "./expiry-notice.ts";
import { FormerCustomer } from "./former-customer.ts";
import { IdempotencyKey } from "./idempotency-key.ts";
import { Intent } from "./intent.ts";
import { Invoice, InvoiceLine, InvoicePayment } from "./invoice.ts";
import { LearningPathCourse, Offer } from "./offer.ts";
import { OutboxEvent } from "./outbox-event.ts";
import { Payment } from "./payment.ts";
import { PaymentMethod } from "./payment-method.ts";
import { Plan } from "./plan.ts";
import { Promotion } from "./promotion.ts";
import { PromotionRedemption } from "./promotion-redemption.ts";
import { Purchase, PurchaseSlot } from "./purchase.ts";
import { ReconciliationDrift, ReconciliationReport } from "./reconciliation.ts";
import { Refund } from "./refund.ts";
import { StripeEvent } from "./stripe-event.ts";
import { Subscription } from "./subscription.ts";
import { SubscriptionSlot } from "./subscription-slot.ts";
import { SyncTicket } from "./sync-ticket.ts";
import { TrialClaim } from "./trial-claim.ts";
import { UserAccess } from "./user-access.ts";

export const ENTITIES = [
  Plan,
  Customer,
  FormerCustomer,
  PaymentMethod,
  ExpiryNotice,
  CheckoutSession,
  SubscriptionSlot,
  Subscription,
  Invoice,
  InvoiceLine,
  InvoicePayment,
  Payment,
  Charge,
  Refund,
  Dispute,
  Purchase,
  PurchaseSlot,
  Offer,
  LearningPathCourse,
  Promotion,
  PromotionRedemption,
  UserAccess,
  Intent,
  IdempotencyKey,
  StripeEvent,
  SyncTicket,
  TrialClaim,
  Cursor,
  ReconciliationReport,
  ReconciliationDrift,
  OutboxEvent,
  AuditEntry,
  AnonymizedUser,
];

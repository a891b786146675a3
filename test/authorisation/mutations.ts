import { ADMIN, CHANGE, OWN, OWN_CHANGE, STAFF, type Table } from "./outcomes.ts";

const URLS = `successUrl: "https://learn.example.com/bought", cancelUrl: "https://learn.example.com/"`;
const OFFER = `resourceType: COURSE, resourceId: "new", title: "New", amount: 4900, currency: "USD"`;
const COURSE = `resourceType: COURSE, resourceId: "on-sale"`;

/** Of what is the owner's, or staff's; in the order in which they are made, each by one caller after the other. */
export const MUTATIONS: Table = {
  "confirmCheckout(sessionId: $CheckoutSession)": OWN_CHANGE,
  "changePlan(input: {subscriptionId: $running, planId: $plan, quantity: $seats})": [
    CHANGE,
    { clientSecret: "- null - null null -" },
  ],
  "cancelSubscription(input: {id: $running})": CHANGE,
  "resumeSubscription(id: $running)": CHANGE,
  "setDefaultPaymentMethod(id: $threeDSecure)": OWN_CHANGE,
  // the bank asks the owner, and nobody else can answer
  "changePlan(input: {subscriptionId: $running, planId: $plan, quantity: 9})": CHANGE,
  "cancelSubscription(input: {id: $running, atPeriodEnd: false})":
    "U ok N SUBSCRIPTION_NOT_ACTIVE SUBSCRIPTION_NOT_ACTIVE U",
  // what is left of a period is credited by staff alone
  "cancelSubscription(input: {id: $running, atPeriodEnd: false, prorate: true})":
    "U F F SUBSCRIPTION_NOT_ACTIVE SUBSCRIPTION_NOT_ACTIVE U",
  "createSubscription(input: {planId: $plan, paymentMethodId: $threeDSecure})": "U ok B B B U",
  [`createPurchase(input: {${COURSE}, paymentMethodId: $threeDSecure})`]: [
    "U ok B B B U",
    { checkoutUrl: "- null - - - -" },
  ],
  "removePaymentMethod(id: $spare)": "U ok N N B U",

  "refundPayment(input: {paymentId: $paid, amount: 100})": ADMIN,
  'grantAccess(input: {userId: $user, scope: COURSE, resourceId: "given", reason: "support"})': STAFF,
  'revokeAccess(id: $gift, reason: "a mistake")': STAFF,
  [`upsertOffer(input: {${OFFER}})`]: STAFF,
  'createPromotion(input: {code: "MATRIX-NEW", access: {scope: COURSE, resourceId: "given"}})': ADMIN,
  "deactivatePromotion(id: $promotion)": ADMIN,
  "replayWebhookEvent(id: $WebhookEvent)": ADMIN,
  'anonymizeUser(userId: "somebody-else")': ADMIN,
};

/** Of what is the caller's own, or becomes it. */
export const OWN_MUTATIONS: Table = {
  createSetupIntent: OWN,
  'createBillingPortalSession(returnUrl: "https://learn.example.com/")': OWN,
  'addPaymentMethod(input: {stripePaymentMethodId: "pm_card_visa"})': OWN,
  'redeemPromotion(input: {code: "MATRIX"})': OWN,
  [`createCheckoutSession(input: {planId: $plan, ${URLS}})`]: OWN,
  [`createPurchase(input: {resourceType: COURSE, resourceId: "on-page", ${URLS}})`]: [
    OWN,
    { clientSecret: "- null - null - -" },
  ],
};

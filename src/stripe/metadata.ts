/** Keys of the metadata that we put on Stripe's objects; a customer without the first is not ours. */
export const USER_ID = "cmh_user_id";
export const INTENT_ID = "cmh_intent_id";
/** On a coupon and its code: the promotion of ours that they stand for. */
export const PROMOTION_ID = "cmh_promotion_id";
/** On whatever asks for the money of a purchase: its id, and what is bought, so that it can be made known again. */
export const PURCHASE_ID = "cmh_purchase_id";
export const RESOURCE_TYPE = "cmh_resource_type";
export const RESOURCE_ID = "cmh_resource_id";
/** On a subscription whose end somebody chose by changing to Free: the id of that plan. */
export const SCHEDULED_PLAN = "cmh_scheduled_plan";
/** On a refund: what it does to the access that was bought, KEEP or REVOKE, where somebody said so. */
export const REFUNDED_ACCESS = "cmh_refunded_access";
/** Marks the portal configuration that is ours, among others of the account. */
export const OUR_PORTAL = { cmh_managed: "payment-service" };

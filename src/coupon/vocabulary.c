/*-------------------------------------------------------------------------
 *
 * vocabulary.c
 *	  The names of kinds, targets, reasons and policies.
 *
 *-------------------------------------------------------------------------
 */
#include "coupon/price.h"

const char *const compare_names[COMPARE_OPERATORS] = {
	"eq", "ne", "lt", "lte", "gt", "gte", "in", "not_in", "starts_with", "contains", "exists"
};

const char *const condition_names[CONDITION_KINDS] = {
	"all", "any", "none",
	"min_subtotal", "max_subtotal", "min_quantity", "max_quantity", "min_line_quantity",
	"min_products", "contains", "contains_all",
	"customer_required", "customer_group", "segment", "tier", "first_order", "nth_order",
	"channel", "region", "currency", "payment_method", "shipping_method",
	"schedule", "birthday", "attribute"
};

const char *const action_names[ACTION_KINDS] = {
	"percent_off", "amount_off", "tiered_percent", "tiered_amount", "tiered_price", "amount_per",
	"set_total", "set_unit_price", "set_shipping_price", "bundle_price", "buy_get",
	"cheapest_free", "gift", "issue_code"
};

const char *const target_names[ACTION_TARGETS] = {
	"order", "lines", "unit", "cheapest_unit", "shipping"
};

const char *const pick_names[PICKS] = {"dearest", "cheapest", "line_order"};

const char *const tier_by_names[TIER_BYS] = {
	"order_subtotal", "subtotal", "quantity", "line_subtotal", "line_quantity"
};

const char *const stop_names[STOPS] = {"nothing", "line", "cart"};

const char *const class_names[CLASSES] = {"item", "order", "shipping"};

const char *const reason_names[REASONS] = {
	"none", "unknown_code", "code_required", "inactive", "not_started", "expired", "schedule",
	"channel", "region", "currency", "customer_required", "customer_group", "segment", "tier",
	"first_order", "nth_order", "birthday", "not_yours", "holdout",
	"min_subtotal", "max_subtotal", "min_quantity", "max_quantity", "min_products",
	"contains", "excluded_items", "shipping_method", "payment_method",
	"attribute", "missing_attribute",
	"usage_limit", "customer_limit", "period_limit", "budget", "held",
	"exclusive", "beaten_by", "group_full", "stopped", "no_effect", "reward_missing", "changed"
};

const char *const combine_names[COMBINES] = {
	"all_in_priority_order", "best_one", "best_per_line", "best_order", "best_combination"
};

const char *const percent_round_names[PERCENT_ROUNDS] = {
	"half_up", "half_even", "half_down", "up", "down"
};

const char *const percent_level_names[PERCENT_LEVELS] = {"line_or_order", "line", "order"};

PricePolicy
price_policy_default(void)
{
	PricePolicy policy = {.combine = COMBINE_ALL_IN_PRIORITY_ORDER, .nodes = PRICE_NODES};

	return policy;
}

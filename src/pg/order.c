/*-------------------------------------------------------------------------
 *
 * order.c
 *	  Comparing values of any type, as sorts and groups do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "pg/order.h"

void
value_order_start(ValueOrder *order, Form_pg_attribute column, MemoryContext context)
{
	TypeCacheEntry *entry;
	Oid			output;
	bool		is_varlena;

	memset(order, 0, sizeof(*order));
	order->base = getBaseType(column->atttypid);
	entry = lookup_type_cache(order->base, TYPECACHE_LT_OPR | TYPECACHE_CMP_PROC);
	getTypeOutputInfo(order->base, &output, &is_varlena);
	fmgr_info_cxt(output, &order->output, context);

	/* The columns of a nameless row may lack an order where the row has one. */
	order->as_text = !OidIsValid(entry->lt_opr) || !OidIsValid(entry->cmp_proc) ||
		order->base == RECORDOID || order->base == RECORDARRAYOID;
	if (order->as_text)
	{
		entry = lookup_type_cache(TEXTOID, TYPECACHE_LT_OPR);
		order->collation = C_COLLATION_OID;
	}
	else
	{
		order->collation = column->attcollation;
		if (!OidIsValid(order->collation))
			order->collation = get_typcollation(order->base);
	}
	order->type = entry->type_id;
	order->less = entry->lt_opr;
	order->length = entry->typlen;
	order->by_value = entry->typbyval;

	order->sort.ssup_cxt = context;
	order->sort.ssup_collation = order->collation;
	PrepareSortSupportFromOrderingOp(order->less, &order->sort);
}

Datum
value_order_take(ValueOrder *order, Datum value)
{
	if (order->as_text)
		return CStringGetTextDatum(OutputFunctionCall(&order->output, value));
	return value;
}

char *
value_order_text(ValueOrder *order, Datum value)
{
	if (order->as_text)
		return TextDatumGetCString(value);
	return OutputFunctionCall(&order->output, value);
}

bool
value_order_prefer(ValueOrder *order, Datum a, Datum b)
{
	return !datum_image_eq(a, b, order->by_value, order->length) &&
		strcmp(value_order_text(order, b), value_order_text(order, a)) < 0;
}

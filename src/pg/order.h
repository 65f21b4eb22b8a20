/*-------------------------------------------------------------------------
 *
 * order.h
 *	  Comparing values of any type, as sorts and groups do.
 *
 * A type has its default btree order, under the collation of its column.
 * Types without one (json, point, and composite types, whose columns may have
 * none) are taken by their text and have no order that means anything: text
 * under the collation C stands for them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_ORDER_H
#define PROMO_ORDER_H

#include "access/tupdesc.h"
#include "fmgr.h"
#include "utils/sortsupport.h"

typedef struct ValueOrder
{
	Oid			base;			/* of the column, under its domains */
	bool		as_text;		/* the values are texts, not of type base */
	Oid			type;			/* of the values that are compared */
	Oid			collation;
	Oid			less;			/* the operator that sorts them */
	int16		length;
	bool		by_value;
	FmgrInfo	output;			/* of type base */
	SortSupportData sort;
} ValueOrder;

/* For a column of a row; what the order needs is kept in the context. */
extern void value_order_start(ValueOrder *order, Form_pg_attribute column,
							  MemoryContext context);

/* The value as it is compared: itself, or its text. */
extern Datum value_order_take(ValueOrder *order, Datum value);

/* The text of a value as it is compared. */
extern char *value_order_text(ValueOrder *order, Datum value);

/* Below, at or above 0; neither is NULL. */
static inline int
value_order_compare(ValueOrder *order, Datum a, Datum b)
{
	return ApplySortComparator(a, false, b, false, &order->sort);
}

/*
 * Should b stand for the group that both are equal in?  Of values that the
 * order takes for equal (1.0 and 1.00, or texts under some collations) the one
 * whose text comes first by bytes does, so that the order of rows does not
 * decide.
 */
extern bool value_order_prefer(ValueOrder *order, Datum a, Datum b);

#endif							/* PROMO_ORDER_H */

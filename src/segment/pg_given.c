/*-------------------------------------------------------------------------
 *
 * pg_given.c
 *	  The customers that a query gives, as a relation for statements of ours.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/queryenvironment.h"

#include "pg/spi.h"
#include "segment/pg_given.h"

void
given_start(Given *given, bool with_strata)
{
	AttrNumber	columns[2] = {1, 2};
	Oid			less[2] = {TextLessOperator, TextLessOperator};
	Oid			collations[2] = {C_COLLATION_OID, C_COLLATION_OID};
	bool		nulls_first[2] = {false, false};

	memset(given, 0, sizeof(*given));
	given->context = CurrentMemoryContext;
	given->with_strata = with_strata;
	given->desc = CreateTemplateTupleDesc(2);
	TupleDescInitEntry(given->desc, 1, "customer", TEXTOID, -1, 0);
	TupleDescInitEntry(given->desc, 2, "stratum", TEXTOID, -1, 0);
	given->incoming = MakeSingleTupleTableSlot(given->desc, &TTSOpsVirtual);
	given->slot = MakeSingleTupleTableSlot(given->desc, &TTSOpsMinimalTuple);
	given->sort = tuplesort_begin_heap(given->desc, 2, columns, less, collations, nulls_first,
									   work_mem, NULL, false);
}

static bool
same_text(const text *a, const text *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static text *
copy_text(const text *value)
{
	return cstring_to_text_with_len(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

static void
look_at_columns(Given *given, TupleDesc desc)
{
	int			wanted = given->with_strata ? 2 : 1;
	int			i;

	if (desc->natts != wanted)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 given->with_strata ?
				 errmsg("the query must give two columns, the customer and the stratum") :
				 errmsg("the query must give one column, the customer"),
				 errdetail("It gives %d.", desc->natts)));
	for (i = 0; i < wanted; i++)
	{
		Oid			output;
		bool		is_varlena;

		getTypeOutputInfo(TupleDescAttr(desc, i)->atttypid, &output, &is_varlena);
		fmgr_info_cxt(output, &given->output[i], given->context);
	}
}

void
given_row(void *arg, TupleDesc desc, HeapTuple tuple)
{
	Given	   *given = arg;
	Datum		values[2] = {0};
	bool		nulls[2] = {false, true};
	int			i;

	if (tuple == NULL)
	{
		look_at_columns(given, desc);
		return;
	}
	for (i = 0; i < desc->natts; i++)
	{
		Datum		value = heap_getattr(tuple, i + 1, desc, &nulls[i]);

		if (!nulls[i])
			values[i] = CStringGetTextDatum(OutputFunctionCall(&given->output[i], value));
	}
	if (nulls[0])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the query gives a customer that is null"),
				 errhint("Leave such rows out of the query.")));
	if (VARSIZE_ANY_EXHDR(DatumGetPointer(values[0])) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("customer id must not be empty")));
	if (given->with_strata && nulls[1])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the query gives customer \"%s\" without a stratum",
						TextDatumGetCString(values[0]))));
	ExecClearTuple(given->incoming);
	memcpy(given->incoming->tts_values, values, sizeof(values));
	memcpy(given->incoming->tts_isnull, nulls, sizeof(nulls));
	tuplesort_puttupleslot(given->sort, ExecStoreVirtualTuple(given->incoming));
}

/* Moves the sorted rows to the tuplestore, each customer once. */
static void
keep_customers(Given *given)
{
	MemoryContext old = MemoryContextSwitchTo(given->context);
	text	   *last = NULL;	/* the customer and stratum before */
	text	   *last_stratum = NULL;

	tuplesort_performsort(given->sort);
	given->store = tuplestore_begin_heap(true, false, work_mem);
	while (tuplesort_gettupleslot(given->sort, true, false, given->slot, NULL))
	{
		text	   *customer;
		text	   *stratum = NULL;
		bool		null;

		CHECK_FOR_INTERRUPTS();
		customer = DatumGetTextPP(slot_getattr(given->slot, 1, &null));
		if (given->with_strata)
			stratum = DatumGetTextPP(slot_getattr(given->slot, 2, &null));
		if (last != NULL && same_text(last, customer))
		{
			if (given->with_strata && !same_text(last_stratum, stratum))
				ereport(ERROR,
						(errcode(ERRCODE_CARDINALITY_VIOLATION),
						 errmsg("the query gives customer \"%s\" in several strata",
								text_to_cstring(customer)),
						 errdetail("Two of them are \"%s\" and \"%s\".",
								   text_to_cstring(last_stratum), text_to_cstring(stratum))));
			continue;
		}
		if (last != NULL)
			pfree(last);
		if (last_stratum != NULL)
			pfree(last_stratum);
		last = copy_text(customer);
		last_stratum = given->with_strata ? copy_text(stratum) : NULL;
		tuplestore_puttupleslot(given->store, given->slot);
		given->customers++;
	}
	ExecClearTuple(given->slot);
	tuplesort_end(given->sort);
	MemoryContextSwitchTo(old);
}

void
given_register(Given *given)
{
	EphemeralNamedRelation relation = palloc0(sizeof(EphemeralNamedRelationData));

	keep_customers(given);
	relation->md.name = "given";
	relation->md.reliddesc = InvalidOid;
	relation->md.tupdesc = given->desc;
	relation->md.enrtype = ENR_NAMED_TUPLESTORE;
	relation->md.enrtuples = (double) given->customers;
	relation->reldata = given->store;
	spi_check(SPI_register_relation(relation), "SPI_register_relation");
}

void
given_number(const char *condition, int count, const Oid *types, const Datum *values)
{
	/* In one order, so that two sessions do not wait for each other. */
	(void) spi_run(psprintf("INSERT INTO promo.customer (shop_id)"
							" SELECT g.customer FROM given g WHERE %s AND NOT EXISTS"
							" (SELECT FROM promo.customer c WHERE c.shop_id = g.customer)"
							" ORDER BY 1"
							" ON CONFLICT ON CONSTRAINT customer_shop_id_key DO NOTHING",
							condition != NULL ? condition : "true"),
				   count, types, values, NULL);
}

void
given_end(Given *given)
{
	spi_check(SPI_unregister_relation("given"), "SPI_unregister_relation");
	tuplestore_end(given->store);
	ExecDropSingleTupleTableSlot(given->slot);
	ExecDropSingleTupleTableSlot(given->incoming);
}

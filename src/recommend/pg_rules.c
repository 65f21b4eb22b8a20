/*-------------------------------------------------------------------------
 *
 * pg_rules.c
 *	  basket_rules.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/memory.h"
#include "pg/query.h"
#include "recommend/pg_gather.h"
#include "recommend/rules.h"

typedef struct Rules
{
	ReturnSetInfo *result;
	const Matrix *matrix;
	double		baskets;
	MemoryContext context;		/* of a row */
} Rules;

static Datum
name_datum(const Matrix *matrix, uint32 item)
{
	NameText	name = matrix_item_name(matrix, item);

	return PointerGetDatum(cstring_to_text_with_len(name.data, (int) name.size));
}

static void
put_rule(const Rules *rules, uint32 item, uint32 other, uint32 both)
{
	double		support = both / rules->baskets;
	double		item_share = matrix_support(rules->matrix, item) / rules->baskets;
	double		other_share = matrix_support(rules->matrix, other) / rules->baskets;
	Datum		values[7];
	bool		nulls[7] = {false};

	values[0] = name_datum(rules->matrix, item);
	values[1] = name_datum(rules->matrix, other);
	values[2] = Int64GetDatum(both);
	values[3] = Float8GetDatum(support);
	values[4] = Float8GetDatum((double) both / matrix_support(rules->matrix, item));
	values[5] = Float8GetDatum(support / (item_share * other_share));
	values[6] = Float8GetDatum(support - item_share * other_share);
	tuplestore_putvalues(rules->result->setResult, rules->result->setDesc, values, nulls);
}

static bool
take_pair(void *arg, uint32_t a, uint32_t b, uint32_t both)
{
	Rules	   *rules = arg;
	MemoryContext old = MemoryContextSwitchTo(rules->context);

	CHECK_FOR_INTERRUPTS();
	put_rule(rules, a, b, both);
	put_rule(rules, b, a, both);
	MemoryContextSwitchTo(old);
	MemoryContextReset(rules->context);
	return true;
}

PG_FUNCTION_INFO_V1(promo_basket_rules);

/*
 * basket_rules(query text, min_support float8)
 * returns TABLE (item text, other text, baskets bigint, support float8,
 *		confidence float8, lift float8, leverage float8)
 */
Datum
promo_basket_rules(PG_FUNCTION_ARGS)
{
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	float8		min_support = PG_GETARG_FLOAT8(1);
	Memory		memory = pg_memory(CurrentMemoryContext);
	MatrixOptions options = {0, NULL, NULL, true};
	Gathering	ids;
	GatheredQuery gather;
	Matrix		matrix;
	Rules		rules;
	double		least;

	if (!(min_support > 0 && min_support <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("min_support must be above 0 and at most 1, not %g", min_support),
				 errhint("It is the share of all baskets that have both items.")));
	InitMaterializedSRF(fcinfo, 0);
	gathering_start(&ids, CurrentMemoryContext);
	gather_start(&gather, &ids, "the query");
	gather.takes_weights = false;
	gather.why_not = "Of baskets it counts that they have an item, not how many.";
	if (query_run(query, gather_row, &gather) == 0)
		PG_RETURN_NULL();
	build_check_memory(gather_bytes(&gather) + matrix_need(&gather.rows, &options),
					   "Counting the pairs of items in baskets");
	if (!matrix_build(&memory, &gather.rows, &options, &matrix))
		elog(ERROR, "out of memory while counting pairs of items");
	rules.result = (ReturnSetInfo *) fcinfo->resultinfo;
	rules.matrix = &matrix;
	rules.baskets = matrix.n_customers;
	rules.context = AllocSetContextCreate(CurrentMemoryContext, "promo rule",
										  ALLOCSET_DEFAULT_SIZES);

	/* Shares such as 0.01 are a little off in binary: no basket more for it. */
	least = Max(ceil(min_support * rules.baskets * (1 - 1e-12)), 1);
	if (!rules_run(&memory, &matrix, (uint32) least, take_pair, &rules))
		elog(ERROR, "out of memory while counting pairs of items");
	PG_RETURN_NULL();
}

/*-------------------------------------------------------------------------
 *
 * pg_metrics.c
 *	  The aggregates regression_metrics, classification_metrics and
 *	  multiclass_metrics.
 *
 * A state may come from a caller who made it up, hence the checks of
 * metrics.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "forest/metrics.h"
#include "pg/aggregate.h"
#include "pg/memory.h"
#include "pg/record.h"
#include "promo.h"

/* Version 1 of each; of another value where the byte order is another. */
#define REGRESSION_STATE 0x52454701
#define SCORES_STATE 0x53434f01
#define CONFUSION_STATE 0x434f4e01

#define SCORES_FIRST_ROOM 8
#define CONFUSION_FIRST_SLOTS 8
#define CONFUSION_FIRST_ROOM 256

static Regression *
regression_state(Datum datum)
{
	Size		size;
	Regression *sums = aggregate_content(datum, REGRESSION_STATE, &size);

	if (size != sizeof(Regression) || sums->n <= 0)
		aggregate_is_invalid();
	return sums;
}

PG_FUNCTION_INFO_V1(promo_regression_metrics_accum);

/*
 * regression_metrics_accum(state bytea, actual float8, predicted float8)
 * returns bytea
 */
Datum
promo_regression_metrics_accum(PG_FUNCTION_ARGS)
{
	Regression *sums;
	double		actual;
	double		predicted;

	aggregate_check(fcinfo);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	actual = aggregate_finite(fcinfo, 1, "actual value");
	predicted = aggregate_finite(fcinfo, 2, "predicted value");
	if (PG_ARGISNULL(0))
	{
		sums = aggregate_new(REGRESSION_STATE, sizeof(Regression), "metrics");
		memset(sums, 0, sizeof(Regression));
	}
	else
		sums = regression_state(PG_GETARG_DATUM(0));
	regression_add(sums, actual, predicted);
	return aggregate_datum(sums);
}

PG_FUNCTION_INFO_V1(promo_regression_metrics_combine);

/*
 * regression_metrics_combine(state bytea, other bytea) returns bytea
 */
Datum
promo_regression_metrics_combine(PG_FUNCTION_ARGS)
{
	Regression *sums;

	aggregate_check(fcinfo);
	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	if (PG_ARGISNULL(0))
		return aggregate_datum(regression_state(PG_GETARG_DATUM(1)));
	sums = regression_state(PG_GETARG_DATUM(0));
	regression_merge(sums, regression_state(PG_GETARG_DATUM(1)));
	return aggregate_datum(sums);
}

PG_FUNCTION_INFO_V1(promo_regression_metrics_final);

/*
 * regression_metrics_final(state bytea) returns regression_report
 */
Datum
promo_regression_metrics_final(PG_FUNCTION_ARGS)
{
	RegressionReport report;
	Datum		values[5];
	bool		nulls[5] = {false};

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	regression_report(regression_state(PG_GETARG_DATUM(0)), &report);
	values[0] = Int64GetDatum(report.n);
	record_number(report.mse, &values[1], &nulls[1]);
	record_number(report.rmse, &values[2], &nulls[2]);
	record_number(report.mae, &values[3], &nulls[3]);
	record_number(report.r2, &values[4], &nulls[4]);
	return record_result(fcinfo, values, nulls);
}

static Scores *
scores_state(Datum datum)
{
	Size		size;
	Scores	   *scores = aggregate_content(datum, SCORES_STATE, &size);

	if (!scores_valid(scores, size) || scores->trues + scores->falses == 0)
		aggregate_is_invalid();
	return scores;
}

/* The same scores, with room for so many in all */
static Scores *
scores_with_room(const Scores *scores, uint64 room)
{
	Scores	   *larger;

	/* So many would not fit anyway; aggregate_new says so. */
	room = Min(room, (uint64) MaxAllocSize);
	larger = aggregate_new(SCORES_STATE, scores_size((uint32) room), "metrics");
	scores_start(larger, (uint32) room, scores->threshold);
	scores_merge(larger, scores);
	return larger;
}

PG_FUNCTION_INFO_V1(promo_classification_metrics_accum);

/*
 * classification_metrics_accum(state bytea, actual boolean, score float8
 *		[, threshold float8]) returns bytea
 */
Datum
promo_classification_metrics_accum(PG_FUNCTION_ARGS)
{
	Scores	   *scores;
	double		threshold = 0.5;
	double		score;

	aggregate_check(fcinfo);
	if (PG_NARGS() > 3)
	{
		if (PG_ARGISNULL(3))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("threshold must not be null")));
		threshold = aggregate_finite(fcinfo, 3, "threshold");
	}
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	score = aggregate_finite(fcinfo, 2, "score");
	if (PG_ARGISNULL(0))
	{
		scores = aggregate_new(SCORES_STATE, scores_size(SCORES_FIRST_ROOM), "metrics");
		scores_start(scores, SCORES_FIRST_ROOM, threshold);
	}
	else
	{
		scores = scores_state(PG_GETARG_DATUM(0));
		if (scores->threshold != threshold)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("threshold must be the same in all rows"),
					 errdetail("It was %g, then %g.", scores->threshold, threshold)));
	}
	if (!scores_add(scores, PG_GETARG_BOOL(1), score))
	{
		scores = scores_with_room(scores, 2 * (uint64) scores->room);
		scores_add(scores, PG_GETARG_BOOL(1), score);
	}
	return aggregate_datum(scores);
}

PG_FUNCTION_INFO_V1(promo_classification_metrics_combine);

/*
 * classification_metrics_combine(state bytea, other bytea) returns bytea
 */
Datum
promo_classification_metrics_combine(PG_FUNCTION_ARGS)
{
	Scores	   *scores;
	Scores	   *other;
	uint64		rows;

	aggregate_check(fcinfo);
	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	other = scores_state(PG_GETARG_DATUM(1));
	if (PG_ARGISNULL(0))
		return aggregate_datum(other);
	scores = scores_state(PG_GETARG_DATUM(0));
	if (scores->threshold != other->threshold)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("threshold must be the same in all rows"),
				 errdetail("It was %g, then %g.", scores->threshold, other->threshold)));
	rows = (uint64) scores->trues + scores->falses + other->trues + other->falses;
	if (rows > scores->room)
		scores = scores_with_room(scores, Max(rows, 2 * (uint64) scores->room));
	scores_merge(scores, other);
	return aggregate_datum(scores);
}

PG_FUNCTION_INFO_V1(promo_classification_metrics_final);

/*
 * classification_metrics_final(state bytea) returns classification_report
 */
Datum
promo_classification_metrics_final(PG_FUNCTION_ARGS)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	ClassificationReport report;
	Datum		values[13];
	bool		nulls[13] = {false};

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (!scores_report(scores_state(PG_GETARG_DATUM(0)), &memory, &report))
		elog(ERROR, "out of memory in a metrics aggregate");
	values[0] = Int64GetDatum(report.n);
	record_number(report.accuracy, &values[1], &nulls[1]);
	record_number(report.precision, &values[2], &nulls[2]);
	record_number(report.recall, &values[3], &nulls[3]);
	record_number(report.f1, &values[4], &nulls[4]);
	record_number(report.roc_auc, &values[5], &nulls[5]);
	record_number(report.pr_auc, &values[6], &nulls[6]);
	record_number(report.log_loss, &values[7], &nulls[7]);
	record_number(report.brier, &values[8], &nulls[8]);
	values[9] = Int64GetDatum(report.tp);
	values[10] = Int64GetDatum(report.fp);
	values[11] = Int64GetDatum(report.tn);
	values[12] = Int64GetDatum(report.fn);
	return record_result(fcinfo, values, nulls);
}

static Confusion *
confusion_state(Datum datum)
{
	Size		size;
	Confusion  *confusion = aggregate_content(datum, CONFUSION_STATE, &size);

	if (!confusion_valid(confusion, size))
		aggregate_is_invalid();
	return confusion;
}

static Confusion *
confusion_new(uint32 slots, uint32 room)
{
	Confusion  *confusion = aggregate_new(CONFUSION_STATE, confusion_size(slots, room), "metrics");

	confusion_start(confusion, slots, room);
	return confusion;
}

/* Counts a cell, in a larger home where it must be. */
static Confusion *
confusion_count(Confusion *confusion, const ConfusionCell *cell)
{
	Confusion  *larger;
	ConfusionCell moved;
	uint32		slots;
	uint32		room;
	uint32		at = 0;

	if (confusion_add(confusion, cell))
		return confusion;
	if (!confusion_larger(confusion, cell, &slots, &room))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many pairs of classes")));
	larger = confusion_new(slots, room);
	while (confusion_next(confusion, &at, &moved))
		if (!confusion_add(larger, &moved))
			aggregate_is_invalid();
	if (!confusion_add(larger, cell))
		aggregate_is_invalid();
	return larger;
}

PG_FUNCTION_INFO_V1(promo_multiclass_metrics_accum);

/*
 * multiclass_metrics_accum(state bytea, actual text, predicted text)
 * returns bytea
 */
Datum
promo_multiclass_metrics_accum(PG_FUNCTION_ARGS)
{
	Confusion  *confusion;
	ConfusionCell cell;
	text	   *actual;
	text	   *predicted;

	aggregate_check(fcinfo);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	actual = PG_GETARG_TEXT_PP(1);
	predicted = PG_GETARG_TEXT_PP(2);
	cell.actual = VARDATA_ANY(actual);
	cell.actual_size = VARSIZE_ANY_EXHDR(actual);
	cell.predicted = VARDATA_ANY(predicted);
	cell.predicted_size = VARSIZE_ANY_EXHDR(predicted);
	cell.count = 1;
	if (PG_ARGISNULL(0))
		confusion = confusion_new(CONFUSION_FIRST_SLOTS, CONFUSION_FIRST_ROOM);
	else
		confusion = confusion_state(PG_GETARG_DATUM(0));
	return aggregate_datum(confusion_count(confusion, &cell));
}

PG_FUNCTION_INFO_V1(promo_multiclass_metrics_combine);

/*
 * multiclass_metrics_combine(state bytea, other bytea) returns bytea
 */
Datum
promo_multiclass_metrics_combine(PG_FUNCTION_ARGS)
{
	Confusion  *confusion;
	Confusion  *other;
	ConfusionCell cell;
	uint32		at = 0;

	aggregate_check(fcinfo);
	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	other = confusion_state(PG_GETARG_DATUM(1));
	if (PG_ARGISNULL(0))
		return aggregate_datum(other);
	confusion = confusion_state(PG_GETARG_DATUM(0));
	while (confusion_next(other, &at, &cell))
	{
		Confusion  *before = confusion;

		confusion = confusion_count(confusion, &cell);
		if (confusion != before && DatumGetPointer(aggregate_datum(before)) != PG_GETARG_POINTER(0))
			pfree(DatumGetPointer(aggregate_datum(before)));
	}
	return aggregate_datum(confusion);
}

/* Names of a state that was made up may be no text. */
static void
push_name(JsonbParseState **parse, JsonbIteratorToken token, const char *name, uint32 size)
{
	JsonbValue	value;

	pg_verifymbstr(name, size, false);
	value.type = jbvString;
	value.val.string.val = (char *) name;
	value.val.string.len = size;
	pushJsonbValue(parse, token, &value);
}

/* {"actual": {"predicted": count, ...}, ...} */
static Datum
confusion_json(const ConfusionReport *report)
{
	JsonbParseState *parse = NULL;
	JsonbValue *result;
	uint32		i;

	pushJsonbValue(&parse, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < report->cells; i++)
	{
		const ConfusionCell *cell = &report->cell[i];
		bool		first = i == 0 ||
			cell->actual_size != cell[-1].actual_size ||
			memcmp(cell->actual, cell[-1].actual, cell->actual_size) != 0;
		JsonbValue	count;

		if (first && i > 0)
			pushJsonbValue(&parse, WJB_END_OBJECT, NULL);
		if (first)
		{
			push_name(&parse, WJB_KEY, cell->actual, cell->actual_size);
			pushJsonbValue(&parse, WJB_BEGIN_OBJECT, NULL);
		}
		push_name(&parse, WJB_KEY, cell->predicted, cell->predicted_size);
		count.type = jbvNumeric;
		count.val.numeric = DatumGetNumeric(DirectFunctionCall1(int8_numeric,
																Int64GetDatum(cell->count)));
		pushJsonbValue(&parse, WJB_VALUE, &count);
	}
	if (report->cells > 0)
		pushJsonbValue(&parse, WJB_END_OBJECT, NULL);
	result = pushJsonbValue(&parse, WJB_END_OBJECT, NULL);
	return JsonbPGetDatum(JsonbValueToJsonb(result));
}

PG_FUNCTION_INFO_V1(promo_multiclass_metrics_final);

/*
 * multiclass_metrics_final(state bytea) returns multiclass_report
 */
Datum
promo_multiclass_metrics_final(PG_FUNCTION_ARGS)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	ConfusionReport report;
	Datum		values[4];
	bool		nulls[4] = {false};

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (!confusion_report(confusion_state(PG_GETARG_DATUM(0)), &memory, &report))
		elog(ERROR, "out of memory in a metrics aggregate");
	values[0] = Int64GetDatum(report.n);
	record_number(report.accuracy, &values[1], &nulls[1]);
	record_number(report.macro_f1, &values[2], &nulls[2]);
	values[3] = confusion_json(&report);
	return record_result(fcinfo, values, nulls);
}

/*-------------------------------------------------------------------------
 *
 * pg_experiment.c
 *	  Experiments: their definition, and customers assigned by a query.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "core/special.h"
#include "pg/json.h"
#include "pg/owner.h"
#include "pg/spi.h"
#include "segment/assign.h"
#include "segment/pg_given.h"

/* A name is looked up by index, and stands in messages. */
#define EXPERIMENT_NAME_MOST 200

#define EXPERIMENT_ARMS_MOST 100

/* Shares that are written with ten digits add up to 1. */
#define SHARES_NEAR 1e-9

/* The columns of promo.experiment that decide who gets which arm */
typedef struct Experiment
{
	text	   *name;
	int64		id;
	Oid			owner;
	Datum		arms;			/* text[] */
	Datum		shares;			/* float8[] */
	text	   *control;		/* NULL where there is none */
	text	   *salt;
	double		exposure;
	bool		strata;
	bool		is_holdout;
	bool		ignores_holdout;
} Experiment;

#define EXPERIMENT_COLUMNS "e.experiment_id, e.owner, e.arms, e.shares, e.control," \
	" e.salt, e.exposure, e.strata, e.is_holdout, e.ignores_holdout, e.experiment"

/* Its row, as the last statement gave it, copied to the context. */
static void
take_experiment(MemoryContext context, Experiment *experiment)
{
	HeapTuple	row = SPI_tuptable->vals[0];
	TupleDesc	desc = SPI_tuptable->tupdesc;
	MemoryContext old = MemoryContextSwitchTo(context);
	Datum		value;
	bool		null;

	experiment->id = DatumGetInt64(SPI_getbinval(row, desc, 1, &null));
	experiment->owner = DatumGetObjectId(SPI_getbinval(row, desc, 2, &null));
	experiment->arms = PointerGetDatum(DatumGetArrayTypePCopy(SPI_getbinval(row, desc, 3, &null)));
	experiment->shares = PointerGetDatum(DatumGetArrayTypePCopy(SPI_getbinval(row, desc, 4, &null)));
	value = SPI_getbinval(row, desc, 5, &null);
	experiment->control = null ? NULL : DatumGetTextPCopy(value);
	experiment->salt = DatumGetTextPCopy(SPI_getbinval(row, desc, 6, &null));
	experiment->exposure = DatumGetFloat8(SPI_getbinval(row, desc, 7, &null));
	experiment->strata = DatumGetBool(SPI_getbinval(row, desc, 8, &null));
	experiment->is_holdout = DatumGetBool(SPI_getbinval(row, desc, 9, &null));
	experiment->ignores_holdout = DatumGetBool(SPI_getbinval(row, desc, 10, &null));
	experiment->name = DatumGetTextPCopy(SPI_getbinval(row, desc, 11, &null));
	MemoryContextSwitchTo(old);
}

/*
 * Locks the experiment's row to the end of the transaction: FOR UPDATE, or FOR
 * KEY SHARE, which only keeps others from defining it anew.
 */
static bool
lock_experiment(const text *name, const char *how, MemoryContext context,
				Experiment *experiment)
{
	static const Oid types[1] = {TEXTOID};
	Datum		values[1] = {PointerGetDatum(name)};
	OwnerSwitch before;
	bool		found;

	owner_become(&before);
	found = spi_run(psprintf("SELECT " EXPERIMENT_COLUMNS " FROM promo.experiment e"
							 " WHERE e.experiment = $1 %s", how),
					1, types, values, NULL) == 1;
	owner_leave(&before);
	if (found)
		take_experiment(context, experiment);
	return found;
}

static void
check_owner(const Experiment *experiment)
{
	if (!has_privs_of_role(GetUserId(), experiment->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of experiment \"%s\"", text_to_cstring(experiment->name))));
}

static void
no_such_experiment(const text *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("experiment \"%s\" does not exist", text_to_cstring(name)),
			 errhint("Experiments are made by promo.define_experiment().")));
}

PG_FUNCTION_INFO_V1(promo_experiment_fraction);

/*
 * experiment_fraction(salt text, key text, draw text) returns float8
 */
Datum
promo_experiment_fraction(PG_FUNCTION_ARGS)
{
	text	   *salt = PG_GETARG_TEXT_PP(0);
	text	   *key = PG_GETARG_TEXT_PP(1);
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(2));
	AssignDraw	draw;

	if (strcmp(name, "arm") == 0)
		draw = ASSIGN_ARM;
	else if (strcmp(name, "exposure") == 0)
		draw = ASSIGN_EXPOSURE;
	else if (strcmp(name, "stratum") == 0)
		draw = ASSIGN_STRATUM;
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("draw must be one of arm, exposure, stratum, not \"%s\"", name)));
	PG_RETURN_FLOAT8(assign_fraction(VARDATA_ANY(salt), VARSIZE_ANY_EXHDR(salt), draw,
									 VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)));
}

PG_FUNCTION_INFO_V1(promo_experiment_arm);

/*
 * experiment_arm(fraction float8, shares float8[]) returns integer
 */
Datum
promo_experiment_arm(PG_FUNCTION_ARGS)
{
	double		fraction = PG_GETARG_FLOAT8(0);
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(1);
	double	   *shares = (double *) ARR_DATA_PTR(array);
	int			count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	double		all = 0;
	int			i;

	if (!(fraction >= 0 && fraction <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("fraction must be from 0 to 1, not %g", fraction)));
	if (ARR_NDIM(array) != 1 || array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("shares must be an array of one dimension without nulls")));
	for (i = 0; i < count; i++)
	{
		if (!(shares[i] > 0))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("shares must be positive, and one is %g", shares[i])));
		all += shares[i];
	}
	if (isinf(all))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("shares must have a finite sum")));
	PG_RETURN_INT32(assign_arm(fraction, shares, count) + 1);
}

PG_FUNCTION_INFO_V1(promo_chi_square_p_value);

/*
 * chi_square_p_value(chi_square float8, degrees_of_freedom integer) returns float8
 */
Datum
promo_chi_square_p_value(PG_FUNCTION_ARGS)
{
	double		chi_square = PG_GETARG_FLOAT8(0);
	int32		degrees = PG_GETARG_INT32(1);

	if (!(chi_square >= 0))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("chi-square must not be negative, and is %g", chi_square)));
	if (degrees < 1)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("there must be degrees of freedom, not %d", degrees)));
	PG_RETURN_FLOAT8(special_gamma_upper(degrees / 2.0, chi_square / 2));
}

/*
 * Definition
 */

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/* Arms in the order of their names by bytes, since objects have none. */
static void
read_arms(JsonFaults *faults, const Jsonb *json, Experiment *experiment)
{
	JsonReader	reader;
	List	   *names;
	ListCell   *cell;
	Datum	   *arms;
	Datum	   *shares;
	double		sum = 0;
	bool		right = true;
	int			count;

	json_open(&reader, faults, "arms", json);
	if (reader.object == NULL)
		return;
	names = json_keys(&reader);
	list_sort(names, compare_names);
	count = list_length(names);
	if (count < 1 || count > EXPERIMENT_ARMS_MOST)
		json_fault(faults, "arms", "must have from 1 to %d arms, not %d", EXPERIMENT_ARMS_MOST, count);
	arms = palloc(sizeof(Datum) * Max(count, 1));
	shares = palloc(sizeof(Datum) * Max(count, 1));
	foreach(cell, names)
	{
		double		share = 0;

		if (strlen(lfirst(cell)) == 0 || strlen(lfirst(cell)) > EXPERIMENT_NAME_MOST)
			json_fault(faults, "arms", "an arm's name has from 1 to %d bytes", EXPERIMENT_NAME_MOST);
		right = json_read_float(&reader, lfirst(cell), 1e-6, 1, &share) && right;
		sum += share;
		arms[foreach_current_index(cell)] = CStringGetTextDatum(lfirst(cell));
		shares[foreach_current_index(cell)] = Float8GetDatum(share);
	}
	json_close(&reader);
	if (right && count > 0 && fabs(sum - 1) > SHARES_NEAR)
		json_fault(faults, "arms", "shares must add up to 1, not %.15g", sum);
	experiment->arms = PointerGetDatum(construct_array(arms, count, TEXTOID, -1, false, TYPALIGN_INT));
	experiment->shares = PointerGetDatum(construct_array(shares, count, FLOAT8OID, sizeof(float8),
														 FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	foreach(cell, names)
		if (strcmp(lfirst(cell), "control") == 0)
			experiment->control = cstring_to_text("control");
}

static bool
has_arm(Datum arms, const char *name)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	int			i;

	deconstruct_array(DatumGetArrayTypeP(arms), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &count);
	for (i = 0; i < count; i++)
		if (strcmp(TextDatumGetCString(elements[i]), name) == 0)
			return true;
	return false;
}

static void
read_options(JsonFaults *faults, const Jsonb *json, Experiment *experiment)
{
	JsonReader	reader;
	char	   *value;

	json_open(&reader, faults, "options", json);
	if (json_read_text(&reader, "control", &value))
	{
		experiment->control = cstring_to_text(value);
		if (experiment->arms != (Datum) 0 && !has_arm(experiment->arms, value))
			json_fault(faults, json_path(&reader, "control"), "there is no arm \"%s\"", value);
	}
	if (json_read_text(&reader, "salt", &value))
		experiment->salt = cstring_to_text(value);
	json_read_float(&reader, "exposure", 1e-6, 1, &experiment->exposure);
	json_read_bool(&reader, "strata", &experiment->strata);
	json_read_bool(&reader, "global_holdout", &experiment->is_holdout);
	json_read_bool(&reader, "ignore_holdout", &experiment->ignores_holdout);
	if (experiment->is_holdout && experiment->control == NULL && experiment->arms != (Datum) 0)
		json_fault(faults, json_path(&reader, "global_holdout"),
				   "needs a control arm, whose customers are left alone");
	if (experiment->is_holdout && experiment->strata)
		json_fault(faults, json_path(&reader, "strata"),
				   "is not for the global holdout, which other experiments assign to");
	if (experiment->is_holdout && experiment->ignores_holdout)
		json_fault(faults, json_path(&reader, "ignore_holdout"), "is for other experiments than the holdout");
	json_close(&reader);
}

/* An error where another experiment is the global holdout. */
static void
check_only_holdout(const Experiment *experiment)
{
	static const Oid types[1] = {INT8OID};
	Datum		values[1] = {Int64GetDatum(experiment->id)};

	if (spi_run("SELECT e.experiment FROM promo.experiment e"
				" WHERE e.is_holdout AND e.experiment_id <> $1",
				1, types, values, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("experiment \"%s\" is the global holdout",
						SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1)),
				 errhint("Define that one without global_holdout first, which ends it.")));
}

#define DEFINITION_COLUMNS 11

PG_FUNCTION_INFO_V1(promo_define_experiment);

/*
 * define_experiment(experiment text, arms jsonb, options jsonb) returns void
 */
Datum
promo_define_experiment(PG_FUNCTION_ARGS)
{
	static const Oid types[DEFINITION_COLUMNS] = {TEXTOID, REGROLEOID, TEXTARRAYOID, FLOAT8ARRAYOID,
	TEXTOID, TEXTOID, FLOAT8OID, BOOLOID, BOOLOID, BOOLOID, INT8OID};
	char		nulls[DEFINITION_COLUMNS + 1] = "           ";
	Datum		values[DEFINITION_COLUMNS];
	MemoryContext context = CurrentMemoryContext;
	Experiment	experiment = {0};
	Experiment	before_it;
	JsonFaults	faults;
	OwnerSwitch before;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("experiment, arms and options must not be null")));
	experiment.name = PG_GETARG_TEXT_PP(0);
	if (VARSIZE_ANY_EXHDR(experiment.name) < 1 ||
		VARSIZE_ANY_EXHDR(experiment.name) > EXPERIMENT_NAME_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an experiment's name has from 1 to %d bytes", EXPERIMENT_NAME_MOST)));
	experiment.salt = experiment.name;
	experiment.exposure = 1;
	json_faults_start(&faults);
	read_arms(&faults, PG_GETARG_JSONB_P(1), &experiment);
	read_options(&faults, PG_GETARG_JSONB_P(2), &experiment);
	json_faults_raise(&faults, "experiment");
	PreventCommandIfReadOnly("define_experiment()");

	values[0] = PointerGetDatum(experiment.name);
	values[1] = ObjectIdGetDatum(GetUserId());
	values[2] = experiment.arms;
	values[3] = experiment.shares;
	values[4] = PointerGetDatum(experiment.control);
	nulls[4] = experiment.control == NULL ? 'n' : ' ';
	values[5] = PointerGetDatum(experiment.salt);
	values[6] = Float8GetDatum(experiment.exposure);
	values[7] = BoolGetDatum(experiment.strata);
	values[8] = BoolGetDatum(false);
	values[9] = BoolGetDatum(experiment.ignores_holdout);

	spi_check(SPI_connect(), "SPI_connect");
	owner_become(&before);
	(void) spi_run("INSERT INTO promo.experiment (experiment, owner, arms, shares, control, salt,"
				   " exposure, strata, is_holdout, ignores_holdout)"
				   " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
				   " ON CONFLICT (experiment) DO NOTHING",
				   10, types, values, nulls);
	owner_leave(&before);
	if (!lock_experiment(experiment.name, "FOR UPDATE", context, &before_it))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("experiment \"%s\" was dropped or defined by another transaction at the same time",
						text_to_cstring(experiment.name))));
	check_owner(&before_it);
	experiment.id = before_it.id;
	values[8] = BoolGetDatum(experiment.is_holdout);
	values[10] = Int64GetDatum(experiment.id);
	owner_become(&before);
	if (experiment.is_holdout)
		check_only_holdout(&experiment);
	if (spi_run("UPDATE promo.experiment e SET owner = $2, arms = $3, shares = $4, control = $5,"
				" salt = $6, exposure = $7, strata = $8, is_holdout = $9, ignores_holdout = $10"
				" WHERE e.experiment_id = $11 AND e.experiment = $1"
				" AND ((e.arms, e.shares, e.salt, e.strata) = ($3, $4, $6, $8)"
				" AND e.control IS NOT DISTINCT FROM $5"
				" OR NOT EXISTS (SELECT FROM promo.experiment_assignment a"
				" WHERE a.experiment_id = e.experiment_id))",
				DEFINITION_COLUMNS, types, values, nulls) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("experiment \"%s\" has assigned customers to its arms, and this would deal them anew",
						text_to_cstring(experiment.name)),
				 errdetail("Its arms, shares, control, salt and strata stay as they are."),
				 errhint("Define another experiment, or drop this one with its assignments.")));
	owner_leave(&before);
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(promo_drop_experiment);

/*
 * drop_experiment(experiment text) returns void
 */
Datum
promo_drop_experiment(PG_FUNCTION_ARGS)
{
	static const Oid types[1] = {INT8OID};
	text	   *name = PG_GETARG_TEXT_PP(0);
	MemoryContext context = CurrentMemoryContext;
	Experiment	experiment;
	OwnerSwitch before;
	Datum		values[1];

	PreventCommandIfReadOnly("drop_experiment()");
	spi_check(SPI_connect(), "SPI_connect");
	if (!lock_experiment(name, "FOR UPDATE", context, &experiment))
		no_such_experiment(name);
	check_owner(&experiment);
	values[0] = Int64GetDatum(experiment.id);
	owner_become(&before);
	(void) spi_run("DELETE FROM promo.experiment e WHERE e.experiment_id = $1", 1, types, values, NULL);
	owner_leave(&before);
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * Assignment
 */

/* Where a customer without a stratum falls, and one among the new ones of his */
#define FRACTION_ALONE "promo.experiment_fraction($2, g.customer, 'arm')"
#define FRACTION_IN_STRATUM \
	"((pg_catalog.row_number() OVER (PARTITION BY g.stratum" \
	" ORDER BY " FRACTION_ALONE ", c.customer_id) - 1)" \
	" + promo.experiment_fraction($2, g.stratum, 'stratum'))" \
	" / pg_catalog.count(*) OVER (PARTITION BY g.stratum)"

/*
 * Assigns the customers given that are new to the experiment, but for those
 * who are in the other experiment, if there is one: in its arm of that name,
 * or in any.
 */
static void
assign_given(const Experiment *experiment, const Experiment *other, const text *other_arm)
{
	static const Oid condition_types[2] = {TEXTOID, FLOAT8OID};
	static const Oid types[7] = {INT8OID, TEXTOID, FLOAT8OID, TEXTARRAYOID, FLOAT8ARRAYOID,
	INT8OID, TEXTOID};
	char		nulls[8] = "       ";
	Datum		values[7] = {0};
	Datum		condition[2];

	condition[0] = PointerGetDatum(experiment->salt);
	condition[1] = Float8GetDatum(experiment->exposure);
	given_number("promo.experiment_fraction($1, g.customer, 'exposure') < $2",
				 2, condition_types, condition);
	values[0] = Int64GetDatum(experiment->id);
	values[1] = condition[0];
	values[2] = condition[1];
	values[3] = experiment->arms;
	values[4] = experiment->shares;
	if (other != NULL)
		values[5] = Int64GetDatum(other->id);
	nulls[5] = other == NULL ? 'n' : ' ';
	values[6] = PointerGetDatum(other_arm);
	nulls[6] = other_arm == NULL ? 'n' : ' ';
	(void) spi_run(psprintf("INSERT INTO promo.experiment_assignment (experiment_id, customer_id, arm, stratum)"
							" SELECT $1, n.customer_id, ($4)[promo.experiment_arm(n.fraction, $5)], n.stratum"
							" FROM (SELECT c.number AS customer_id, g.customer, %s AS stratum, %s AS fraction"
							" FROM given g JOIN promo.customer c ON c.shop_id = g.customer"
							" WHERE promo.experiment_fraction($2, g.customer, 'exposure') < $3"
							" AND NOT EXISTS (SELECT FROM promo.experiment_assignment a"
							" WHERE a.experiment_id = $1 AND a.customer_id = c.number)"
							" AND NOT EXISTS (SELECT FROM promo.experiment_assignment a"
							" WHERE a.experiment_id = $6 AND a.customer_id = c.number"
							" AND ($7 IS NULL OR a.arm = $7))) n"
							" ORDER BY n.customer_id, n.customer"
							" ON CONFLICT ON CONSTRAINT experiment_assignment_pkey DO NOTHING",
							experiment->strata ? "g.stratum" : "NULL::text",
							experiment->strata ? FRACTION_IN_STRATUM : FRACTION_ALONE),
				   7, types, values, nulls);
}

/* The experiment that is the global holdout, locked; false where there is none. */
static bool
lock_holdout(MemoryContext context, Experiment *holdout)
{
	if (spi_run("SELECT " EXPERIMENT_COLUMNS " FROM promo.experiment e WHERE e.is_holdout FOR KEY SHARE",
				0, NULL, NULL, NULL) != 1)
		return false;
	take_experiment(context, holdout);
	return true;
}

PG_FUNCTION_INFO_V1(promo_assign_all);

/*
 * assign_all(experiment text, query text) returns table (arm text, customers bigint)
 */
Datum
promo_assign_all(PG_FUNCTION_ARGS)
{
	static const Oid types[1] = {INT8OID};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	text	   *name = PG_GETARG_TEXT_PP(0);
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	MemoryContext context = CurrentMemoryContext;
	Experiment	experiment;
	Experiment	holdout;
	Given		given;
	OwnerSwitch before;
	Datum		values[1];
	uint64		i;

	PreventCommandIfReadOnly("assign_all()");
	InitMaterializedSRF(fcinfo, 0);
	spi_check(SPI_connect(), "SPI_connect");
	if (!lock_experiment(name, "FOR KEY SHARE", context, &experiment))
		no_such_experiment(name);
	given_start(&given, experiment.strata);
	(void) query_run(query, given_row, &given);

	owner_become(&before);
	given_register(&given);
	if (experiment.is_holdout || experiment.ignores_holdout || !lock_holdout(context, &holdout))
		assign_given(&experiment, NULL, NULL);
	else
	{
		assign_given(&holdout, &experiment, NULL);
		assign_given(&experiment, &holdout, holdout.control);
	}
	values[0] = Int64GetDatum(experiment.id);
	(void) spi_run("SELECT a.arm, pg_catalog.count(*) FROM given g"
				   " LEFT JOIN promo.customer c ON c.shop_id = g.customer"
				   " LEFT JOIN promo.experiment_assignment a"
				   " ON a.experiment_id = $1 AND a.customer_id = c.number"
				   " GROUP BY a.arm ORDER BY a.arm",
				   1, types, values, NULL);
	owner_leave(&before);
	for (i = 0; i < SPI_processed; i++)
	{
		Datum		row[2];
		bool		nulls[2];

		row[0] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &nulls[0]);
		row[1] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &nulls[1]);
		tuplestore_putvalues(result->setResult, result->setDesc, row, nulls);
	}
	given_end(&given);
	SPI_finish();
	return (Datum) 0;
}

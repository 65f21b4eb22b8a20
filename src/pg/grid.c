/*-------------------------------------------------------------------------
 *
 * grid.c
 *	  The options that tune() and tune_recommender() try, from a grid or drawn
 *	  by chance.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "core/random.h"
#include "pg/grid.h"

/* Draws for a candidate that differs from those before */
#define DRAWS_MOST 50

/* What a key may be */
typedef struct Choice
{
	JsonbValue	key;
	List	   *values;			/* JsonbValue * */
	bool		is_range;
	bool		is_whole;
	bool		is_log;
	double		from;
	double		to;
} Choice;

typedef struct Grid
{
	const Jsonb *common;
	const char *const *common_keys;
	int			n_common;
	JsonFaults *faults;
	List	   *candidates;		/* Jsonb * */
	bool		has_more;		/* than there may be */
} Grid;

static bool
key_is(const JsonbValue *key, const char *name)
{
	return key->val.string.len == (int) strlen(name) &&
		memcmp(key->val.string.val, name, strlen(name)) == 0;
}

static const char *
child_path(const char *path, const JsonbValue *key)
{
	return psprintf("%s.%.*s", path, Min(key->val.string.len, 60), key->val.string.val);
}

static JsonbContainer *
container_of(const JsonbValue *value)
{
	return value->type == jbvBinary ? value->val.binary.data : NULL;
}

/* Adds a candidate, unless it is there already; false when it is. */
static bool
add_candidate(Grid *grid, const Jsonb *own)
{
	Jsonb	   *whole = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(grid->common),
														   JsonbPGetDatum(own)));
	ListCell   *cell;

	foreach(cell, grid->candidates)
		if (compareJsonbContainers(&((Jsonb *) lfirst(cell))->root, &whole->root) == 0)
			return false;
	if (list_length(grid->candidates) == GRID_MOST)
		grid->has_more = true;
	else
		grid->candidates = lappend(grid->candidates, whole);
	return true;
}

/* A range, where an object of a random space is one */
static bool
read_range(const char *path, JsonbContainer *object, JsonFaults *faults, Choice *choice)
{
	JsonReader	reader;
	double		whole;
	bool		has_both;
	JsonbValue	value;

	json_open_container(&reader, faults, path, object);
	if (!json_has(&reader, "from", &value) && !json_has(&reader, "to", &value))
		return false;
	json_need(&reader, "from");
	json_need(&reader, "to");
	has_both = json_read_float(&reader, "from", -1e15, 1e15, &choice->from);
	has_both = json_read_float(&reader, "to", -1e15, 1e15, &choice->to) && has_both;
	json_read_bool(&reader, "log", &choice->is_log);
	json_close(&reader);
	choice->is_range = true;
	choice->is_whole = modf(choice->from, &whole) == 0 && modf(choice->to, &whole) == 0;
	if (has_both && choice->to < choice->from)
		json_fault(faults, path, "must not end below its begin");
	if (has_both && choice->is_log && !(choice->from > 0))
		json_fault(faults, path, "must begin above 0 to be drawn by its logarithm");
	return true;
}

/* The keys of a grid and what each may be, as a list of Choice */
static List *
read_choices(Grid *grid, const char *path, JsonbContainer *object, bool is_space)
{
	JsonbIterator *iterator = JsonbIteratorInit(object);
	JsonbValue	value;
	JsonbIteratorToken token;
	Choice	   *choice = NULL;
	List	   *choices = NIL;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		JsonbContainer *inner;
		const char *at;

		if (token == WJB_KEY)
		{
			int			i;

			choice = palloc0(sizeof(Choice));
			choice->key = value;
			choices = lappend(choices, choice);
			for (i = 0; i < grid->n_common; i++)
				if (key_is(&value, grid->common_keys[i]))
					json_fault(grid->faults, child_path(path, &value),
							   "is the same for all candidates; give it among the options");
			continue;
		}
		if (token != WJB_VALUE)
			continue;
		at = child_path(path, &choice->key);
		inner = container_of(&value);
		if (inner != NULL && JsonContainerIsArray(inner))
		{
			JsonbIterator *elements = JsonbIteratorInit(inner);
			JsonbValue	element;

			while ((token = JsonbIteratorNext(&elements, &element, true)) != WJB_DONE)
				if (token == WJB_ELEM)
				{
					JsonbValue *copy = palloc(sizeof(JsonbValue));

					*copy = element;
					choice->values = lappend(choice->values, copy);
				}
			if (choice->values == NIL)
				json_fault(grid->faults, at, "must have a value to try");
		}
		else if (inner == NULL || !is_space || !read_range(at, inner, grid->faults, choice))
		{
			JsonbValue *copy = palloc(sizeof(JsonbValue));

			*copy = value;
			choice->values = list_make1(copy);
		}
	}
	return choices;
}

/* All combinations, the last key running fastest */
static void
add_product(Grid *grid, const List *choices)
{
	int			count = list_length(choices);
	int		   *at = palloc0(sizeof(int) * (count + 1));
	int			i;

	while (!grid->has_more)
	{
		JsonbParseState *parse = NULL;

		pushJsonbValue(&parse, WJB_BEGIN_OBJECT, NULL);
		for (i = 0; i < count; i++)
		{
			Choice	   *choice = list_nth(choices, i);

			pushJsonbValue(&parse, WJB_KEY, &choice->key);
			pushJsonbValue(&parse, WJB_VALUE, list_nth(choice->values, at[i]));
		}
		(void) add_candidate(grid, JsonbValueToJsonb(pushJsonbValue(&parse, WJB_END_OBJECT, NULL)));
		for (i = count - 1; i >= 0; i--)
		{
			if (++at[i] < list_length(((Choice *) list_nth(choices, i))->values))
				break;
			at[i] = 0;
		}
		if (i < 0)
			break;
	}
	pfree(at);
}

/* A number of a range, of six digits where it is no whole one */
static Numeric
draw_range(const Choice *choice, Random *random)
{
	double		share = random_unit(random);
	double		from = choice->from;
	double		to = choice->is_whole ? choice->to + 1 : choice->to;
	double		number = choice->is_log ? from * pow(to / from, share) : from + share * (to - from);

	if (choice->is_whole)
		number = Min(floor(number), choice->to);
	return DatumGetNumeric(DirectFunctionCall3(numeric_in,
											   CStringGetDatum(psprintf(choice->is_whole ? "%.0f" : "%.6g", number)),
											   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

static void
add_random(Grid *grid, const List *choices, int64 count, uint64 seed)
{
	Random		random;
	int			draws;

	random_start(&random, seed, 0);
	while (count-- > 0)
	{
		/* A small space may have fewer than were asked for. */
		for (draws = 0; draws < DRAWS_MOST; draws++)
		{
			JsonbParseState *parse = NULL;
			ListCell   *cell;

			pushJsonbValue(&parse, WJB_BEGIN_OBJECT, NULL);
			foreach(cell, choices)
			{
				Choice	   *choice = lfirst(cell);
				JsonbValue	number;

				pushJsonbValue(&parse, WJB_KEY, &choice->key);
				number.type = jbvNumeric;
				if (choice->is_range)
					number.val.numeric = draw_range(choice, &random);
				pushJsonbValue(&parse, WJB_VALUE, choice->is_range ? &number :
							   list_nth(choice->values,
										random_below(&random, list_length(choice->values))));
			}
			if (add_candidate(grid, JsonbValueToJsonb(pushJsonbValue(&parse, WJB_END_OBJECT, NULL))))
				break;
		}
		if (draws == DRAWS_MOST)
			break;
	}
}

static void
read_grid(Grid *grid, const char *path, JsonbContainer *object)
{
	JsonbValue	value;
	JsonReader	reader;
	JsonReader	space;
	List	   *choices;
	int64		count = 0;
	int64		seed = 0;
	int			before = grid->faults->count;

	json_open_container(&reader, grid->faults, path, object);
	if (!json_has(&reader, "random", &value))
	{
		choices = read_choices(grid, path, object, false);
		if (grid->faults->count == before)
			add_product(grid, choices);
		return;
	}
	json_read_int(&reader, "random", 1, GRID_MOST, &count);
	json_read_int(&reader, "seed", 0, PG_INT64_MAX, &seed);
	json_need(&reader, "space");
	if (json_read_object(&reader, "space", &space))
	{
		choices = read_choices(grid, psprintf("%s.space", path), space.object, true);
		if (grid->faults->count == before)
			add_random(grid, choices, count, (uint64) seed);
	}
	json_close(&reader);
}

List *
grid_candidates(const Jsonb *json, const Jsonb *common, const char *const common_keys[],
				int n_common, JsonFaults *faults)
{
	Grid		grid = {0};

	grid.common = common;
	grid.common_keys = common_keys;
	grid.n_common = n_common;
	grid.faults = faults;
	if (JB_ROOT_IS_OBJECT(json))
		read_grid(&grid, "grid", (JsonbContainer *) &json->root);
	else if (JB_ROOT_IS_ARRAY(json) && !JB_ROOT_IS_SCALAR(json) && JB_ROOT_COUNT(json) > 0)
	{
		JsonbIterator *elements = JsonbIteratorInit((JsonbContainer *) &json->root);
		JsonbValue	element;
		JsonbIteratorToken token;
		int			i = 0;

		while ((token = JsonbIteratorNext(&elements, &element, true)) != WJB_DONE)
		{
			JsonbContainer *inner;

			if (token != WJB_ELEM)
				continue;
			inner = container_of(&element);
			if (inner != NULL && JsonContainerIsObject(inner))
				read_grid(&grid, psprintf("grid[%d]", i), inner);
			else
				json_fault(faults, psprintf("grid[%d]", i), "must be an object of options to try");
			i++;
		}
	}
	else
		json_fault(faults, "grid", "must be an object of options to try, or an array of such");
	if (grid.has_more)
		json_fault(faults, "grid", "has more than %d candidates; draw some with \"random\"", GRID_MOST);
	return grid.candidates;
}

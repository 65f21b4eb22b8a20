/*-------------------------------------------------------------------------
 *
 * pg_import.c
 *	  Models that XGBoost has trained, from the JSON of its save_model().
 *
 * XGBoost compares floats: a row goes left when its value, rounded to a float,
 * is below the condition.  Ours compare doubles, so a condition becomes the
 * largest double that still rounds to a float below it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include <math.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "catalog/pg_type.h"

#include "forest/import.h"
#include "forest/model.h"
#include "forest/pg_field.h"
#include "forest/pg_forest.h"
#include "forest/pg_store.h"
#include "pg/json.h"
#include "pg/memory.h"

/* Faults after which no more trees are looked at */
#define FAULTS_ENOUGH 20

/* The value under a key, or NULL with a fault */
static JsonbValue *
import_find(JsonFaults *faults, JsonbContainer *object, const char *path, const char *key)
{
	JsonbValue *value = NULL;

	if (object == NULL)
		return NULL;
	value = getKeyJsonValueFromContainer(object, key, strlen(key), NULL);
	if (value == NULL)
		json_fault(faults, psprintf("%s%s%s", path, *path ? "." : "", key), "is missing");
	return value;
}

/* The object or array under a key, or NULL with a fault */
static JsonbContainer *
import_inside(JsonFaults *faults, JsonbContainer *object, const char *path, const char *key,
			  bool is_array)
{
	JsonbValue *value = import_find(faults, object, path, key);

	if (value == NULL)
		return NULL;
	if (value->type != jbvBinary ||
		(is_array ? JsonContainerIsArray(value->val.binary.data) == 0 :
		 JsonContainerIsObject(value->val.binary.data) == 0))
	{
		json_fault(faults, psprintf("%s%s%s", path, *path ? "." : "", key),
				   is_array ? "must be an array" : "must be an object");
		return NULL;
	}
	return value->val.binary.data;
}

/* A number, which XGBoost often writes as a string */
static bool
import_number(const JsonbValue *value, double *number)
{
	char	   *end;
	char	   *text;

	switch (value->type)
	{
		case jbvNumeric:
			*number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
														 NumericGetDatum(value->val.numeric)));
			return isfinite(*number);
		case jbvBool:
			*number = value->val.boolean;
			return true;
		case jbvString:
			text = pnstrdup(value->val.string.val, value->val.string.len);
			*number = strtod(text, &end);
			return end != text && *end == '\0' && isfinite(*number);
		default:
			return false;
	}
}

/* A whole number in a range under a key */
static bool
import_count(JsonFaults *faults, JsonbContainer *object, const char *path, const char *key,
			 int least, int most, int *count)
{
	JsonbValue *value = import_find(faults, object, path, key);
	double		number;

	if (value == NULL)
		return false;
	if (!import_number(value, &number) || number != rint(number) ||
		number < least || number > most)
	{
		json_fault(faults, psprintf("%s.%s", path, key),
				   "must be a whole number from %d to %d", least, most);
		return false;
	}
	*count = (int) number;
	return true;
}

/* An array of `count` numbers under a key; count -1 takes any */
static double *
import_numbers(JsonFaults *faults, JsonbContainer *object, const char *path, const char *key,
			   int *count)
{
	JsonbContainer *array = import_inside(faults, object, path, key, true);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	double	   *numbers;
	int			size;
	int			n = 0;

	if (array == NULL)
		return NULL;
	size = JsonContainerSize(array);
	if (*count >= 0 && size != *count)
	{
		json_fault(faults, psprintf("%s.%s", path, key), "must have %d numbers, and has %d",
				   *count, size);
		return NULL;
	}
	numbers = palloc(sizeof(double) * (size + 1));
	iterator = JsonbIteratorInit(array);
	(void) JsonbIteratorNext(&iterator, &value, true);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) == WJB_ELEM)
		if (n >= size || !import_number(&value, &numbers[n++]))
		{
			json_fault(faults, psprintf("%s.%s", path, key), "must have numbers only");
			return NULL;
		}
	*count = size;
	return numbers;
}

static char *
import_text(JsonFaults *faults, JsonbContainer *object, const char *path, const char *key)
{
	JsonbValue *value = import_find(faults, object, path, key);

	if (value == NULL)
		return NULL;
	if (value->type != jbvString)
	{
		json_fault(faults, psprintf("%s.%s", path, key), "must be a string");
		return NULL;
	}
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* base_score: a number, or as newer versions write it, "[a,b,...]" */
static bool
import_base_score(JsonFaults *faults, JsonbContainer *param, int n, double *scores)
{
	const char *path = "learner.learner_model_param";
	JsonbValue *value = import_find(faults, param, path, "base_score");
	char	   *at;
	char	   *end;
	int			i;

	if (value == NULL)
		return false;
	if (value->type == jbvNumeric && import_number(value, &scores[0]))
		at = NULL;
	else if (value->type == jbvString)
	{
		at = pnstrdup(value->val.string.val, value->val.string.len);
		at += *at == '[';
		scores[0] = strtod(at, &end);
		if (end == at || !isfinite(scores[0]))
			goto bad;
		at = *end == ',' ? end + 1 : NULL;
	}
	else
		goto bad;
	for (i = 1; i < n; i++)
	{
		scores[i] = scores[i - 1];
		if (at == NULL)
			continue;
		scores[i] = strtod(at, &end);
		if (end == at || !isfinite(scores[i]))
			goto bad;
		at = *end == ',' ? end + 1 : NULL;
	}
	if (at == NULL)
		return true;
bad:
	json_fault(faults, psprintf("%s.base_score", path), "must be a number");
	return false;
}

/* The largest double that, rounded to a float, is below the condition */
static double
cut_below(float condition)
{
	float		below = nextafterf(condition, -INFINITY);
	double		middle = ((double) condition + below) / 2;
	uint32		bits;

	/* Below the least float is what rounds to minus infinity. */
	if (isinf(below))
		return nextafter(-ldexp(2 - ldexp(1, -24), 127), -INFINITY);

	/* The middle rounds to the one of the two whose last bit is 0. */
	memcpy(&bits, &below, sizeof(bits));
	if (bits & 1)
		middle = nextafter(middle, -INFINITY);
	return middle;
}

/* Checks that from the root each node is reached at most once. */
static bool
is_tree(const ImportTree *tree)
{
	bool	   *seen = palloc0(tree->n_nodes);
	int		   *stack = palloc(sizeof(int) * (tree->n_nodes + 1));
	int			depth = 0;
	bool		ok = true;

	stack[depth++] = 0;
	seen[0] = true;
	while (ok && depth > 0)
	{
		const ImportNode *node = &tree->nodes[stack[--depth]];
		int			side;

		for (side = 0; ok && side < 2 && node->children[0] >= 0; side++)
		{
			ok = !seen[node->children[side]];
			if (ok)
			{
				seen[node->children[side]] = true;
				stack[depth++] = node->children[side];
			}
		}
	}
	pfree(seen);
	pfree(stack);
	return ok;
}

/* Reads a tree; adds what its splits gained. */
static void
import_tree(JsonFaults *faults, JsonbContainer *object, const char *path, int n_features,
			ImportTree *tree, double *gains)
{
	int			n = -1;
	int			segments = -1;
	double	   *left = import_numbers(faults, object, path, "left_children", &n);
	double	   *right;
	double	   *feature;
	double	   *condition;
	double	   *null_left;
	double	   *cover;
	double	   *gain;
	int			i;

	if (left == NULL)
		return;
	right = import_numbers(faults, object, path, "right_children", &n);
	feature = import_numbers(faults, object, path, "split_indices", &n);
	condition = import_numbers(faults, object, path, "split_conditions", &n);
	null_left = import_numbers(faults, object, path, "default_left", &n);
	cover = import_numbers(faults, object, path, "sum_hessian", &n);
	gain = import_numbers(faults, object, path, "loss_changes", &n);
	if (right == NULL || feature == NULL || condition == NULL || null_left == NULL ||
		cover == NULL || gain == NULL)
		return;
	if (getKeyJsonValueFromContainer(object, "categories_nodes", strlen("categories_nodes"), NULL) != NULL &&
		import_numbers(faults, object, path, "categories_nodes", &segments) != NULL && segments > 0)
	{
		json_fault(faults, path, "splits by categories, which are not read: train it on one column a category");
		return;
	}
	if (n < 1 || n > PG_INT32_MAX / 2)
	{
		json_fault(faults, path, "has no nodes");
		return;
	}
	tree->nodes = MemoryContextAllocExtended(CurrentMemoryContext, sizeof(ImportNode) * (Size) n,
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	tree->n_nodes = n;
	for (i = 0; i < n; i++)
	{
		ImportNode *node = &tree->nodes[i];

		node->children[0] = node->children[1] = -1;
		if (!isfinite((float) condition[i]) || !(cover[i] >= 0))
		{
			json_fault(faults, path, "node %d has a condition or a weight out of range", i);
			return;
		}
		if (left[i] == -1)
		{
			node->value = condition[i];
			node->rows = cover[i];
			continue;
		}
		if (left[i] != rint(left[i]) || right[i] != rint(right[i]) || left[i] < 1 ||
			left[i] >= n || right[i] < 1 || right[i] >= n ||
			feature[i] != rint(feature[i]) || feature[i] < 0 || feature[i] >= n_features)
		{
			json_fault(faults, path, "node %d has a child or a feature that there is not", i);
			return;
		}
		node->children[0] = (int32) left[i];
		node->children[1] = (int32) right[i];
		node->feature = (int32) feature[i];
		node->null_passes = null_left[i] != 0;
		node->cut = cut_below((float) condition[i]);
		gains[node->feature] += Max(gain[i], 0);
	}
	if (!is_tree(tree))
		json_fault(faults, path, "is no tree: a node has two parents");
	pfree(left);
	pfree(right);
	pfree(feature);
	pfree(condition);
	pfree(null_left);
	pfree(cover);
	pfree(gain);
}

/* What is known of the classes */
typedef struct ImportClasses
{
	int			count;			/* 0: a regression */
	int		   *number;			/* of XGBoost's class, in our order */
	ForestText *names;			/* in our order */
} ImportClasses;

static int
compare_names(const void *a, const void *b, void *names)
{
	const ForestText *x = &((const ForestText *) names)[*(const int *) a];
	const ForestText *y = &((const ForestText *) names)[*(const int *) b];
	int			order = memcmp(x->data, y->data, Min(x->size, y->size));

	return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

static void
name_classes(JsonFaults *faults, ArrayType *given, ImportClasses *classes, bool is_boolean)
{
	ForestText *names = palloc0(sizeof(ForestText) * (classes->count + 1));
	int		   *order = palloc(sizeof(int) * (classes->count + 1));
	int			i;

	classes->number = palloc0(sizeof(int) * (classes->count + 1));
	classes->names = palloc0(sizeof(ForestText) * (classes->count + 1));
	if (given != NULL)
	{
		Datum	   *texts;
		bool	   *nulls;
		int			count;

		deconstruct_array(given, TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &count);
		if (count != classes->count)
		{
			json_fault(faults, "classes", classes->count == 0 ?
					   "are not for a model that predicts a number" :
					   "must be %d names, not %d", classes->count, count);
			return;
		}
		for (i = 0; i < count; i++)
		{
			if (nulls[i])
			{
				json_fault(faults, "classes", "must not have NULLs");
				return;
			}
			names[i].data = TextDatumGetCString(texts[i]);
			names[i].size = strlen(names[i].data);
		}
	}
	else
		for (i = 0; i < classes->count; i++)
		{
			names[i].data = is_boolean ? (i == 0 ? "false" : "true") : psprintf("%d", i);
			names[i].size = strlen(names[i].data);
		}
	for (i = 0; i < classes->count; i++)
		order[i] = i;
	qsort_arg(order, classes->count, sizeof(int), compare_names, names);
	for (i = 0; i < classes->count; i++)
	{
		if (i > 0 && compare_names(&order[i - 1], &order[i], names) == 0)
		{
			json_fault(faults, "classes", "\"%s\" is there twice", names[order[i]].data);
			return;
		}
		classes->names[i] = names[order[i]];
		classes->number[order[i]] = i;
	}
}

/* Names of the features, or f0, f1, ... as XGBoost calls those without */
static ForestColumn *
name_features(JsonFaults *faults, JsonbContainer *learner, int n)
{
	ForestColumn *features = palloc0(sizeof(ForestColumn) * (n + 1));
	JsonbValue *value = getKeyJsonValueFromContainer(learner, "feature_names",
													 strlen("feature_names"), NULL);
	JsonbContainer *array = value != NULL && value->type == jbvBinary &&
		JsonContainerIsArray(value->val.binary.data) ? value->val.binary.data : NULL;
	int			i;

	if (array != NULL && JsonContainerSize(array) == 0)
		array = NULL;
	if (array != NULL && JsonContainerSize(array) != (uint32) n)
	{
		json_fault(faults, "learner.feature_names", "must have %d names, and has %d", n,
				   (int) JsonContainerSize(array));
		return features;
	}
	for (i = 0; i < n; i++)
	{
		char	   *name = psprintf("f%d", i);

		if (array != NULL)
		{
			value = getIthJsonbValueFromContainer(array, i);
			if (value->type != jbvString || value->val.string.len == 0)
			{
				json_fault(faults, psprintf("learner.feature_names[%d]", i), "must be a string");
				return features;
			}
			name = pnstrdup(value->val.string.val, value->val.string.len);
		}
		features[i].name.data = name;
		features[i].name.size = strlen(name);
		features[i].kind = FOREST_NUMBER;
		features[i].source = FIELD_NUMBER;
	}
	return features;
}

typedef struct Objective
{
	const char *name;
	ForestLink	link;			/* by itself; two classes of softprob have a logit */
} Objective;

static const Objective objectives[] = {
	{"reg:squarederror", FOREST_IDENTITY},
	{"reg:linear", FOREST_IDENTITY},
	{"reg:pseudohubererror", FOREST_IDENTITY},
	{"reg:absoluteerror", FOREST_IDENTITY},
	{"reg:quantileerror", FOREST_IDENTITY},
	{"binary:logistic", FOREST_LOGIT},
	{"multi:softprob", FOREST_SOFTMAX},
	{"multi:softmax", FOREST_SOFTMAX},
};

static const Objective *
find_objective(JsonFaults *faults, JsonbContainer *learner)
{
	JsonbContainer *object = import_inside(faults, learner, "learner", "objective", false);
	char	   *name = import_text(faults, object, "learner.objective", "name");
	StringInfoData known;
	int			i;

	if (name == NULL)
		return NULL;
	initStringInfo(&known);
	for (i = 0; i < (int) lengthof(objectives); i++)
	{
		if (strcmp(objectives[i].name, name) == 0)
			return &objectives[i];
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "", objectives[i].name);
	}
	json_fault(faults, "learner.objective.name", "\"%s\" is not read, only %s", name, known.data);
	return NULL;
}

/* The trees, from a gbtree or a dart booster, with what each counts for */
static JsonbContainer *
find_model(JsonFaults *faults, JsonbContainer *learner, const char **path, double **factors,
		   int *n_factors)
{
	JsonbContainer *booster = import_inside(faults, learner, "learner", "gradient_booster", false);
	char	   *name = import_text(faults, booster, "learner.gradient_booster", "name");

	*path = "learner.gradient_booster";
	*factors = NULL;
	if (name == NULL)
		return NULL;
	if (strcmp(name, "dart") == 0)
	{
		*n_factors = -1;
		*factors = import_numbers(faults, booster, *path, "weight_drop", n_factors);
		booster = import_inside(faults, booster, *path, "gbtree", false);
		*path = "learner.gradient_booster.gbtree";
	}
	else if (strcmp(name, "gbtree") != 0)
	{
		json_fault(faults, "learner.gradient_booster.name",
				   "\"%s\" is not read, only gbtree and dart", name);
		return NULL;
	}
	booster = import_inside(faults, booster, *path, "model", false);
	*path = psprintf("%s.model", *path);
	return booster;
}

/*
 * Puts the trees into rounds of one for each margin, in which the classes
 * stand in our order.  XGBoost's stand one behind the other as info says.
 */
static ImportTree *
order_trees(JsonFaults *faults, const ImportTree *trees, const double *info, int n,
			int n_margins, const ImportClasses *classes)
{
	ImportTree *ordered = palloc0(sizeof(ImportTree) * (n + 1));
	int		   *rounds = palloc0(sizeof(int) * n_margins);
	int			i;

	for (i = 0; i < n; i++)
	{
		int			class = (int) info[i];
		int			place;

		if (info[i] != class || class < 0 || class >= n_margins)
		{
			json_fault(faults, "tree_info", "tree %d is of class %g, which there is not", i, info[i]);
			return ordered;
		}
		place = rounds[class]++ * n_margins + (n_margins > 1 ? classes->number[class] : 0);
		if (place >= n)
		{
			json_fault(faults, "tree_info", "classes have different numbers of trees");
			return ordered;
		}
		ordered[place] = trees[i];
	}
	return ordered;
}

/* Rows that a tree was grown from, which its leaves share */
static int64
rows_of(const ImportTree *tree, double weight)
{
	double		all = 0;
	int			i;

	for (i = 0; i < tree->n_nodes; i++)
		if (tree->nodes[i].children[0] < 0)
			all += tree->nodes[i].rows;
	all = rint(all / weight);
	return all >= 1 && all <= FOREST_MAX_ROWS ? (int64) all : 1;
}

/*
 * Fills in an import from XGBoost's JSON, or raises an error of all its faults.
 */
static void
read_xgboost(Jsonb *json, ArrayType *given, Import *import)
{
	JsonFaults	faults;
	ImportClasses classes = {0};
	JsonbContainer *learner;
	JsonbContainer *param;
	JsonbContainer *model;
	JsonbContainer *trees;
	const Objective *objective;
	const char *path = "";
	double	   *factors = NULL;
	double	   *info = NULL;
	double	   *bases;
	ImportTree *read;
	int			n_factors = 0;
	int			n_features = 0;
	int			num_class = 0;
	double		weight;
	int			n_scores;
	int			n = 0;
	int			i;

	json_faults_start(&faults);
	if (!JB_ROOT_IS_OBJECT(json))
		json_fault(&faults, "the whole", "must be an object");
	json_faults_raise(&faults, "model of XGBoost");
	learner = import_inside(&faults, &json->root, "", "learner", false);
	param = import_inside(&faults, learner, "learner", "learner_model_param", false);
	objective = learner == NULL ? NULL : find_objective(&faults, learner);
	(void) import_count(&faults, param, "learner.learner_model_param", "num_feature", 1,
						FOREST_MAX_FEATURES, &n_features);
	(void) import_count(&faults, param, "learner.learner_model_param", "num_class", 0,
						FOREST_MAX_CLASSES, &num_class);
	model = learner == NULL ? NULL : find_model(&faults, learner, &path, &factors, &n_factors);
	trees = import_inside(&faults, model, path, "trees", true);
	json_faults_raise(&faults, "model of XGBoost");

	import->features = name_features(&faults, learner, n_features);
	import->n_features = n_features;
	import->algorithm = FOREST_BOOSTED_TREES;
	import->link = objective->link;
	if (objective->link == FOREST_SOFTMAX)
	{
		classes.count = num_class;
		if (num_class < 1)
			json_fault(&faults, "learner.learner_model_param.num_class", "must be the number of classes");
	}
	else
	{
		classes.count = objective->link == FOREST_LOGIT ? 2 : 0;
		if (num_class > 1)
			json_fault(&faults, "learner.learner_model_param.num_class", "must be 0 for %s", objective->name);
	}
	name_classes(&faults, given, &classes, objective->link == FOREST_LOGIT);
	n_scores = objective->link == FOREST_SOFTMAX ? Max(num_class, 1) : 1;
	bases = palloc0(sizeof(double) * n_scores);
	(void) import_base_score(&faults, param, n_scores, bases);

	n = JsonContainerSize(trees);
	if (n == 0)
		json_fault(&faults, psprintf("%s.trees", path), "there are none");
	info = import_numbers(&faults, model, path, "tree_info", &n);
	if (factors != NULL && n_factors != n)
		json_fault(&faults, "learner.gradient_booster.weight_drop", "must have %d numbers, and has %d",
				   n, n_factors);
	json_faults_raise(&faults, "model of XGBoost");

	read = palloc0(sizeof(ImportTree) * (n + 1));
	import->gains = palloc0(sizeof(double) * n_features);
	for (i = 0; i < n && faults.count < FAULTS_ENOUGH; i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(trees, i);
		char	   *name = psprintf("%s.trees[%d]", path, i);

		CHECK_FOR_INTERRUPTS();
		read[i].factor = factors == NULL ? 1 : factors[i];
		if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
			json_fault(&faults, name, "must be an object");
		else
			import_tree(&faults, value->val.binary.data, name, n_features, &read[i],
						(double *) import->gains);
	}
	json_faults_raise(&faults, "model of XGBoost");
	import->trees = order_trees(&faults, read, info, n, n_scores, &classes);
	if (n % n_scores != 0)
		json_fault(&faults, "tree_info", "classes have different numbers of trees");
	json_faults_raise(&faults, "model of XGBoost");

	import->n_trees = n;
	import->n_margins = n_scores;
	import->n_classes = classes.count;
	import->class_names = classes.names;
	import->target_source = classes.count == 0 ? FIELD_NUMBER :
		objective->link == FOREST_LOGIT && given == NULL ? FIELD_BOOLEAN : FIELD_TEXT;
	import->positive = objective->link == FOREST_LOGIT ? classes.number[1] : -1;
	import->bases = bases;
	if (objective->link == FOREST_LOGIT)
	{
		if (!(bases[0] > 0 && bases[0] < 1))
		{
			json_fault(&faults, "learner.learner_model_param.base_score", "must be between 0 and 1");
			json_faults_raise(&faults, "model of XGBoost");
		}
		bases[0] = log(bases[0] / (1 - bases[0]));
	}
	else if (n_scores > 1)
	{
		double	   *ours = palloc(sizeof(double) * n_scores);

		for (i = 0; i < n_scores; i++)
			ours[classes.number[i]] = bases[i];
		import->bases = bases = ours;
	}

	/*
	 * A row weighs in a first tree the second derivative of its loss at
	 * base_score: 1 for a number, p (1 - p), and 2 p (1 - p) in a softmax.
	 */
	weight = 1;
	if (classes.count > 0)
	{
		double		all = 0;
		double		share;

		for (i = 0; i < n_scores; i++)
			all += exp(bases[i] - bases[0]);
		share = objective->link == FOREST_LOGIT ? 1 / (1 + exp(-bases[0])) : 1 / all;
		weight = share * (1 - share) * (objective->link == FOREST_LOGIT ? 1 : 2);
	}

	/*
	 * Two classes have one margin here, that of the second by name: of two
	 * margins the difference, of one for the other class the opposite.
	 */
	if (classes.count == 2 && objective->link == FOREST_SOFTMAX)
	{
		for (i = 0; i < n; i += 2)
			import->trees[i].factor = -import->trees[i].factor;
		bases[0] = bases[1] - bases[0];
		import->n_margins = 1;
		import->link = FOREST_LOGIT;
	}
	else if (objective->link == FOREST_LOGIT && classes.number[1] == 0)
	{
		for (i = 0; i < n; i++)
			import->trees[i].factor = -import->trees[i].factor;
		bases[0] = -bases[0];
	}

	import->rows = rows_of(&import->trees[0], weight);
}

/* The model's bytes behind `room` free ones */
static char *
import_bytes(const Import *import, Size room, size_t *size)
{
	Memory		memory = pg_memory(CurrentMemoryContext);
	ForestProblem problem;
	char	   *bytes;

	if (import_forest(&memory, import, room, &bytes, size, &problem))
		return bytes;
	if (problem.status == FOREST_BAD_OPTION)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 strcmp(problem.option, "trees") == 0 ?
				 errmsg("model of XGBoost has more trees than the %d that a model may have", FOREST_MAX_TREES) :
				 errmsg("model of XGBoost tests one feature against more than %d values on one path",
						FOREST_MAX_BINS - 1)));
	forest_raise(&problem, "importing");
}

PG_FUNCTION_INFO_V1(promo_forest_from_xgboost);

/*
 * forest_from_xgboost(definition jsonb, classes text[]) returns forest
 */
Datum
promo_forest_from_xgboost(PG_FUNCTION_ARGS)
{
	Import		import = {0};
	char	   *bytes;
	size_t		size;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	read_xgboost(PG_GETARG_JSONB_P(0), PG_ARGISNULL(1) ? NULL : PG_GETARG_ARRAYTYPE_P(1), &import);
	bytes = import_bytes(&import, sizeof(ForestValueHead), &size);
	return forest_value(bytes, size);
}

PG_FUNCTION_INFO_V1(promo_import_model);

/*
 * import_model(model text, definition jsonb, classes text[]) returns model_version
 */
Datum
promo_import_model(PG_FUNCTION_ARGS)
{
	NewVersion	version = {0};
	Import		import = {0};
	ForestData	data = {0};
	ForestOptions options;
	ModelParts	parts = {0};
	ModelOut	out;
	StoreWriter *writer;
	char	   *bytes;
	size_t		size;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", PG_ARGISNULL(0) ? "model" : "definition")));
	version.model = PG_GETARG_TEXT_P_COPY(0);
	version.started_at = GetCurrentTimestamp();
	PreventCommandIfReadOnly("import_model()");
	store_check_owner(version.model);
	read_xgboost(PG_GETARG_JSONB_P(1), PG_ARGISNULL(2) ? NULL : PG_GETARG_ARRAYTYPE_P(2), &import);
	bytes = import_bytes(&import, 0, &size);

	data.n_rows = import.rows;
	data.n_features = import.n_features;
	data.features = import.features;
	data.n_classes = import.n_classes;
	data.class_names = import.class_names;
	data.target_source = import.target_source;
	forest_options_of(&options, import.algorithm);
	options.positive = import.positive;
	parts.data = &data;
	parts.options = &options;
	parts.n_learn = import.rows;
	parts.gains = import.gains;
	parts.scale = 1;
	version.parts = &parts;
	version.query = cstring_to_text("");
	version.target = cstring_to_text("");
	version.options = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
														 CStringGetDatum("{\"imported_from\": \"XGBoost\"}")));
	writer = store_writer_start(&version, &out);
	if (!out.begin(out.arg, size) || !out.write(out.arg, bytes, size))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("model of %zu bytes has too many pieces", size)));
	return store_writer_end(writer);
}

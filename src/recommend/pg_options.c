/*-------------------------------------------------------------------------
 *
 * pg_options.c
 *	  The options of build_recommender, evaluate_recommender and the others
 *	  that build.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/zone.h"
#include "recommend/pg_options.h"

/* How far back "lately" goes where nobody says */
#define RECENT_DAYS 30

static void
read_method(JsonReader *reader, RecommendOptions *options)
{
	RecommendMethod method = RECOMMEND_USER_COSINE;
	char	   *name;
	int			i;

	if (json_read_text(reader, "method", &name))
	{
		for (i = 0; i < RECOMMEND_METHODS && strcmp(recommend_method_name(i), name) != 0;)
			i++;
		if (i < RECOMMEND_METHODS)
			method = (RecommendMethod) i;
		else
			json_fault(reader->faults, json_path(reader, "method"),
					   "must be one of user_cosine, cosine, jaccard, llr, tfidf, bm25, local_ridge, user_knn and content, not \"%s\"",
					   name);
	}
	recommend_defaults(options, method);
}

/* A length of time as text, such as '90 days' */
static bool
read_length(JsonReader *reader, const char *key, int64 *target)
{
	char	   *text;
	Interval   *interval;

	if (!json_read_text(reader, key, &text))
		return false;
	interval = DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(text),
													 ObjectIdGetDatum(InvalidOid),
													 Int32GetDatum(-1)));
	*target = pg_interval_length(interval, json_path(reader, key));
	return true;
}

static void
read_prune(JsonReader *reader, RecommendOptions *options)
{
	char	   *prune;

	if (!json_read_text(reader, "prune", &prune))
		return;
	if (strcmp(prune, "source") == 0)
		options->per_source = true;
	else if (strcmp(prune, "target") != 0)
		json_fault(reader->faults, json_path(reader, "prune"),
				   "must be \"target\" or \"source\", not \"%s\"", prune);
}

static void
read_exponents(JsonReader *reader, RecommendOptions *options)
{
	JsonReader	exponents;

	if (!json_read_object(reader, "exponents", &exponents))
		return;
	json_read_float(&exponents, "source", 0, 2, &options->source_exponent);
	json_read_float(&exponents, "target", 0, 2, &options->target_exponent);
	json_close(&exponents);
}

/* What all methods that count pairs of items take */
static void
read_counting(JsonReader *reader, RecommendOptions *options)
{
	RecommendMethod method = options->method;
	int64		number;

	if (method == RECOMMEND_USER_KNN || method == RECOMMEND_CONTENT)
	{
		json_refuse(reader, "min_support", "is for methods that count what goes together");
		json_refuse(reader, "user_cap", "is for methods that count what goes together");
	}
	else
	{
		if (json_read_int(reader, "min_support", 1, PG_INT32_MAX, &number))
			options->min_support = (uint32) number;
		if (json_read_int(reader, "user_cap", 0, PG_INT32_MAX, &number))
			options->user_cap = (uint32) number;
	}
	if (method == RECOMMEND_LLR || method == RECOMMEND_BM25 || method == RECOMMEND_CONTENT)
		json_refuse(reader, "shrink", psprintf("is not for %s", recommend_method_name(method)));
	else
		json_read_float(reader, "shrink", 0, 1e9, &options->shrink);
	if (method == RECOMMEND_USER_COSINE || method == RECOMMEND_COSINE || method == RECOMMEND_TFIDF)
		read_exponents(reader, options);
	else
		json_refuse(reader, "exponents", "is for user_cosine, cosine and tfidf");
	if (method == RECOMMEND_LOCAL_RIDGE)
	{
		json_read_float(reader, "lambda", 1e-6, 1e12, &options->lambda);
		json_refuse(reader, "prune", "is not for local_ridge, which learns for each target");
	}
	else
		json_refuse(reader, "lambda", "is for local_ridge");
	if (method == RECOMMEND_USER_KNN)
		json_refuse(reader, "prune", "is not for user_knn, which has lists of customers");
	else if (method != RECOMMEND_LOCAL_RIDGE)
		read_prune(reader, options);
}

static void
read_others(JsonReader *reader, BuildOptions *options)
{
	RecommendOptions *recommend = &options->recommend;
	RecommendMethod method = recommend->method;
	const char *path = json_path(reader, "content_query");

	json_read_text(reader, "content_query", &options->content_query);
	json_read_text(reader, "event_query", &options->event_query);
	if (options->event_query != NULL)
		json_read_float(reader, "event_weight", 0, 1e6, &recommend->event_weight);
	else
		json_refuse(reader, "event_weight", "needs an event_query");
	if (method == RECOMMEND_CONTENT)
	{
		if (options->content_query == NULL)
			json_fault(reader->faults, path, "is what the method content is made of");
		json_refuse(reader, "content_weight", "is for content beside another method");
		return;
	}
	if (method == RECOMMEND_USER_KNN && options->content_query != NULL)
		json_fault(reader->faults, path, "is not for user_knn, which has no lists of items");
	if (options->content_query != NULL)
	{
		recommend->content_weight = 0.1;
		json_read_float(reader, "content_weight", 0, 1, &recommend->content_weight);
	}
	else
		json_refuse(reader, "content_weight", "needs a content_query");
}

void
build_options_read(JsonReader *reader, BuildOptions *options)
{
	RecommendOptions *recommend = &options->recommend;
	int64		number;

	memset(options, 0, sizeof(*options));
	options->workers = -1;
	options->recent = RECENT_DAYS * USECS_PER_DAY;
	read_method(reader, recommend);
	if (json_read_int(reader, "neighbors", 1, RECOMMEND_MAX_NEIGHBORS, &number))
		recommend->neighbors = (uint32) number;
	read_counting(reader, recommend);
	if (recommend->method == RECOMMEND_LLR)
		json_refuse(reader, "half_life", "is not for llr, which counts customers");
	else if (read_length(reader, "half_life", &number))
		recommend->half_life = (double) number;
	(void) read_length(reader, "recent", &options->recent);
	read_others(reader, options);
	if (json_read_int(reader, "workers", 0, BUILD_MAX_WORKERS, &number))
		options->workers = (int) number;
}

void
build_options(const Jsonb *json, const char *what, BuildOptions *options)
{
	JsonFaults	faults;
	JsonReader	reader;

	json_faults_start(&faults);
	json_open(&reader, &faults, "", json);
	build_options_read(&reader, options);
	json_close(&reader);
	json_faults_raise(&faults, psprintf("options of %s", what));
}

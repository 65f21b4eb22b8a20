/*-------------------------------------------------------------------------
 *
 * recommend.c
 *	  The methods and what they are asked for where nobody says.
 *
 *-------------------------------------------------------------------------
 */
#include "recommend/recommend.h"

#include <string.h>

static const char *const method_names[RECOMMEND_METHODS] = {
	"user_cosine", "cosine", "jaccard", "llr", "tfidf", "bm25", "local_ridge",
	"user_knn", "content"
};

const char *
recommend_method_name(int method)
{
	return method >= 0 && method < RECOMMEND_METHODS ? method_names[method] : NULL;
}

void
recommend_defaults(RecommendOptions *options, RecommendMethod method)
{
	memset(options, 0, sizeof(*options));
	options->method = method;
	options->neighbors = method == RECOMMEND_LOCAL_RIDGE ? 50 : 100;
	options->min_support = 1;
	options->user_cap = 5000;
	options->source_exponent = 0.5;
	options->target_exponent = 0.5;
	options->lambda = 100;
	options->event_weight = 0.5;
	if (method == RECOMMEND_USER_COSINE || method == RECOMMEND_COSINE ||
		method == RECOMMEND_TFIDF)
		options->shrink = 5;
}

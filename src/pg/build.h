/*-------------------------------------------------------------------------
 *
 * build.h
 *	  Writing jsonb, key by key.
 *
 * A build stands on the innermost object or array that is open.  In an array
 * the key is NULL:
 *
 *		build_start(&build);
 *		build_int(&build, "points", 7);
 *		build_open_array(&build, "refused");
 *		build_text(&build, NULL, "r2");
 *		build_close_array(&build);
 *		return build_end(&build);
 *
 * Texts are not copied before the end.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_BUILD_H
#define PROMO_BUILD_H

#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "core/money.h"

typedef struct JsonBuild
{
	JsonbParseState *state;
} JsonBuild;

/* Opens the object that build_end closes and gives. */
extern void build_start(JsonBuild *build);
extern Jsonb *build_end(JsonBuild *build);

extern void build_open_object(JsonBuild *build, const char *key);
extern void build_close_object(JsonBuild *build);
extern void build_open_array(JsonBuild *build, const char *key);
extern void build_close_array(JsonBuild *build);

/* A text of NULL is null. */
extern void build_null(JsonBuild *build, const char *key);
extern void build_text(JsonBuild *build, const char *key, const char *value);
extern void build_int(JsonBuild *build, const char *key, int64 value);
extern void build_decimal(JsonBuild *build, const char *key, const Decimal *value);
extern void build_numeric(JsonBuild *build, const char *key, Numeric value);

/* An object or array, whole */
extern void build_jsonb(JsonBuild *build, const char *key, const Jsonb *value);

/* An instant as core/time.h writes it */
extern void build_instant(JsonBuild *build, const char *key, int64 at);

#endif							/* PROMO_BUILD_H */

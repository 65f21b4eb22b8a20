/*-------------------------------------------------------------------------
 *
 * promo.c
 *	  The module: its settings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "promo.h"

PG_MODULE_MAGIC;

static int	build_memory_kb = 1024 * 1024;
static int	cache_size_kb = 64 * 1024;
static int	model_piece_kb = 16 * 1024;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	DefineCustomIntVariable("promo.build_memory",
							"Sets the memory that training a model or building a recommender may use.",
							"-1 means maintenance_work_mem.",
							&build_memory_kb,
							1024 * 1024, -1, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB,
							NULL, NULL, NULL);
	DefineCustomIntVariable("promo.cache_size",
							"Sets the memory that a session may use to keep models and definitions at hand.",
							NULL,
							&cache_size_kb,
							64 * 1024, 0, MAX_KILOBYTES,
							PGC_USERSET, GUC_UNIT_KB,
							NULL, NULL, NULL);
	DefineCustomIntVariable("promo.model_piece_size",
							"Sets the size of the pieces that train() stores a model in.",
							"For tests of models that have several.",
							&model_piece_kb,
							16 * 1024, 1, 64 * 1024,
							PGC_USERSET, GUC_UNIT_KB | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE,
							NULL, NULL, NULL);
	MarkGUCPrefixReserved("promo");
}

Size
promo_build_memory(void)
{
	int			kilobytes = build_memory_kb;

	if (kilobytes < 0)
		kilobytes = maintenance_work_mem;
	return (Size) kilobytes * 1024;
}

Size
promo_cache_size(void)
{
	return (Size) cache_size_kb * 1024;
}

Size
promo_model_piece_size(void)
{
	return (Size) model_piece_kb * 1024;
}

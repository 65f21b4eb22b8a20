/*-------------------------------------------------------------------------
 *
 * stored.c
 *	  A query that is kept in a table, and run again by others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "pg/stored.h"

char *
stored_search_path(void)
{
	StringInfoData path;
	ListCell   *cell;

	initStringInfo(&path);
	foreach(cell, fetch_search_path(false))
	{
		char	   *name = get_namespace_name(lfirst_oid(cell));

		if (name != NULL && !isTempNamespace(lfirst_oid(cell)))
			appendStringInfo(&path, "%s%s", path.len > 0 ? ", " : "", quote_identifier(name));
	}
	return path.len > 0 ? path.data : pstrdup("\"\"");
}

void
stored_query_note(StoredQuery *stored, const text *query)
{
	stored->owner = GetUserId();
	stored->query = text_to_cstring(query);
	stored->search_path = stored_search_path();
}

int64
stored_query_run(const StoredQuery *stored, query_row row, void *arg)
{
	Oid			user;
	int			context;
	int			settings;
	int64		rows;

	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(stored->owner)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the owner of the stored query is no role any more"),
				 errhint("Define it again.")));

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(stored->owner, context | SECURITY_RESTRICTED_OPERATION);
	settings = NewGUCNestLevel();

	/* Unless it is named, the schema of temporary tables would come first. */
	(void) set_config_option("search_path", psprintf("%s, pg_temp", stored->search_path),
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	PushActiveSnapshot(GetTransactionSnapshot());
	rows = query_run_lasting(stored->query, row, arg);
	PopActiveSnapshot();
	AtEOXact_GUC(false, settings);
	SetUserIdAndSecContext(user, context);
	return rows;
}

/*-------------------------------------------------------------------------
 *
 * owner.c
 *	  Writing the extension's own tables for a caller who may not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "pg/owner.h"

Oid
promo_table(const char *name)
{
	Oid			table = get_relname_relid(name, get_namespace_oid("promo", false));

	if (!OidIsValid(table))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table promo.%s does not exist", name),
				 errhint("The extension in this database may be older than its library: ALTER EXTENSION promo UPDATE.")));
	return table;
}

void
owner_become(OwnerSwitch *before)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(promo_table("customer")));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for table promo.customer");
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);

	GetUserIdAndSecContext(&before->user, &before->context);
	SetUserIdAndSecContext(owner, before->context | SECURITY_LOCAL_USERID_CHANGE);
	before->settings = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void
owner_leave(const OwnerSwitch *before)
{
	AtEOXact_GUC(false, before->settings);
	SetUserIdAndSecContext(before->user, before->context);
}

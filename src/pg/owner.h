/*-------------------------------------------------------------------------
 *
 * owner.h
 *	  Writing the extension's own tables for a caller who may not.
 *
 * Only C that has checked the caller's permission, and runs no text of the
 * caller's in between, may do so.  Whatever goes wrong in between, the end of
 * the transaction or subtransaction brings the caller back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_OWNER_H
#define PROMO_OWNER_H

typedef struct OwnerSwitch
{
	Oid			user;
	int			context;
	int			settings;		/* nest level of the search_path */
} OwnerSwitch;

/* The table of that name in schema promo */
extern Oid	promo_table(const char *name);

/*
 * Goes on as the owner of the extension's tables, under a search_path of
 * pg_catalog alone.
 */
extern void owner_become(OwnerSwitch *before);
extern void owner_leave(const OwnerSwitch *before);

#endif							/* PROMO_OWNER_H */

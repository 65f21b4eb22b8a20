/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  The one home of differences between PostgreSQL 14 and 18.
 *
 * Include it right after postgres.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_COMPAT_H
#define PROMO_COMPAT_H

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "funcapi.h"
#include "utils/guc.h"

/* Settings of an unknown promo.* name are refused; older name for it in 14. */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/*
 * A set-returning function that fills a tuplestore at once.  It has this
 * name since 16, and in the minor releases of 15 and 14 that took it over.
 */
#ifndef MAT_SRF_USE_EXPECTED_DESC
#define InitMaterializedSRF(fcinfo, flags) SetSingleFuncCall(fcinfo, flags)
#define MAT_SRF_USE_EXPECTED_DESC SRF_SINGLE_USE_EXPECTED
#endif

/* Files that processes share are of a FileSet since 15. */
#if PG_VERSION_NUM >= 150000
#define file_set_create(set, name) BufFileCreateFileSet(&(set)->fs, name)
#define file_set_export(file) BufFileExportFileSet(file)
#define file_set_open(set, name) BufFileOpenFileSet(&(set)->fs, name, O_RDONLY, false)
#else
#define file_set_create(set, name) BufFileCreateShared(set, name)
#define file_set_export(file) BufFileExportShared(file)
#define file_set_open(set, name) BufFileOpenShared(set, name, O_RDONLY)
#endif

#endif							/* PROMO_COMPAT_H */

/*-------------------------------------------------------------------------
 *
 * pg_coupon.c
 *	  What the glue of the coupon room shares.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "miscadmin.h"

#include "coupon/pg_coupon.h"

char *
coupon_actor(void)
{
	return GetUserNameFromId(GetOuterUserId(), false);
}

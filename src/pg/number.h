/*-------------------------------------------------------------------------
 *
 * number.h
 *	  Values of the numeric types as doubles.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_NUMBER_H
#define PROMO_NUMBER_H

/* smallint, integer, bigint, real, double precision and numeric are. */
extern bool pg_is_number(Oid type);

/* The nearest double of a value of such a type; infinite where it is too large. */
extern double pg_number(Oid type, Datum value);

#endif							/* PROMO_NUMBER_H */

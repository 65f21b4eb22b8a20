/*-------------------------------------------------------------------------
 *
 * rfm.h
 *	  Scores of recency, frequency and monetary value, and names for them.
 *
 * A score says in which part of all customers one stands: of n customers, k
 * scores and b customers below, it is 1 + floor(k b / n).  Equal customers
 * have equal scores, and no boundary has to be stored or can coincide with
 * another, as those of quantiles do.  Where many are equal a score may go
 * unused.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_RFM_H
#define PROMO_RFM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Scores that rfm() gives at most; the cells are that to the third power. */
#define RFM_SCORES 100

/*
 * The score from 1 to scores of one above `below` of `count` customers.  The
 * product is exact up to four billion customers and any number of scores.
 */
static inline int32_t
rank_score(int64_t below, int64_t count, int32_t scores)
{
	return (int32_t) (1 + (uint64_t) scores * (uint64_t) below / (uint64_t) count);
}

/* How many of count ascending values are smaller than x. */
extern size_t values_below(const double *sorted, size_t count, double x);

/*
 * What is counted of a customer: rows come in order of their local day.
 *
 * A day on which something was bought is a purchase day; a negative amount,
 * a return, changes the money only.
 */
typedef struct RfmCustomer
{
	bool		bought;
	int64_t		last_day;		/* the last purchase day */
	int64_t		frequency;		/* purchase days after the first */
	double		monetary;		/* sum of all amounts */
} RfmCustomer;

extern void rfm_customer_start(RfmCustomer *customer);
extern void rfm_customer_add(RfmCustomer *customer, int64_t day, double amount);

/* A score from 1 to scores as one from 1 to 5, ends to ends. */
extern int32_t rfm_of_five(int32_t score, int32_t scores);

/* The name of a cell where the shop has not named it otherwise. */
extern const char *rfm_segment(int32_t r, int32_t f, int32_t m, int32_t scores);

#endif							/* PROMO_RFM_H */

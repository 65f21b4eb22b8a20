/*-------------------------------------------------------------------------
 *
 * judge.h
 *	  How well lists of recommended items meet what their users then took.
 *
 * Plain C.  Users and items are numbers from 0.  A user is judged by the list
 * he is given, of at most k different items, best first, and by the items that
 * he took in the part held out, of which there is at least one.  With hit(i) 1
 * where the item at rank i is among these and else 0, n the number of these,
 * and all sums over the ranks 1 to the length of the list, one user has
 *
 *		precision			sum hit(i) / k
 *		recall				sum hit(i) / n
 *		ndcg				sum hit(i) / log2(i + 1), divided by the same sum of
 *							a list with min(n, k) hits at its head
 *		average precision	sum hit(i) (hits up to i) / i, divided by min(n, k)
 *		reciprocal rank		1 / rank of the first hit, 0 where there is none
 *		hit					1 where there is a hit, else 0
 *		popularity			mean, over the list, of the users who had the item in
 *							the part learned from
 *
 * (Ricci, Rokach, Shapira, Recommender Systems Handbook, chapter 8; Jarvelin
 * and Kekalainen, ACM TOIS 20, 2002, for the second and third of the ranked
 * ones.)  A report gives their means over the users, with the standard error
 * of each mean: the standard deviation over the users, by n - 1, divided by
 * the root of their number.  Users whose list is empty count with 0 in all but
 * popularity, of which they say nothing.  Of the lists together it gives
 *
 *		coverage			share of the catalog that is in any list
 *		gini				0 where all items of the catalog are listed alike
 *							often, near 1 where few take all places
 *
 * with the jackknife's standard error over the users: n users, of whom each is
 * left out once, give values v, and the error is the root of (n - 1) / n times
 * the sum of (v - their mean)^2 (Efron, The Jackknife, the Bootstrap and Other
 * Resampling Plans, 1982, chapter 3).
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_JUDGE_H
#define PROMO_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/memory.h"

typedef enum JudgeMetric
{
	JUDGE_PRECISION,
	JUDGE_RECALL,
	JUDGE_NDCG,
	JUDGE_AVERAGE_PRECISION,
	JUDGE_RECIPROCAL_RANK,
	JUDGE_HIT,
	JUDGE_POPULARITY,
	JUDGE_METRICS				/* how many there are */
} JudgeMetric;

typedef struct Judge
{
	uint32_t	k;
	uint32_t	n_items;		/* the catalog */
	const uint32_t *popularity; /* of each item */
	uint64_t	users;
	uint64_t	n[JUDGE_METRICS];
	double		mean[JUDGE_METRICS];
	double		spread[JUDGE_METRICS];	/* sum of squares around the mean */
	double		last[JUDGE_METRICS];	/* of the user taken in last */
	uint64_t   *listed;			/* of each item: in how many lists it is */
	uint32_t   *places;			/* all lists, one behind the other */
	uint64_t	n_places;
	uint64_t	places_room;
	uint64_t   *end;			/* of each user's list there */
	uint64_t	users_room;
} Judge;

typedef struct JudgeReport
{
	uint64_t	users;
	uint64_t	n[JUDGE_METRICS];	/* users that the mean is of */
	double		mean[JUDGE_METRICS];	/* NaN where there is no user */
	double		error[JUDGE_METRICS];	/* NaN below two users */
	double		coverage;		/* NaN for an empty catalog */
	double		coverage_error; /* NaN below two users */
	double		gini;			/* NaN where all lists are empty */
	double		gini_error;		/* NaN also where but one user has a list */
} JudgeReport;

/* False: no memory.  Popularity, a number for each item, is not copied. */
extern bool judge_start(const Memory *memory, Judge *judge, uint32_t k,
						uint32_t n_items, const uint32_t *popularity);

/*
 * Takes a user in; taken is sorted, without repeats, and not empty.  False: no
 * memory.
 */
extern bool judge_user(const Memory *memory, Judge *judge, const uint32_t *list,
					   uint32_t n_list, const uint32_t *taken, uint32_t n_taken);

/* Bytes that it holds */
extern uint64_t judge_bytes(const Judge *judge);

/* False: no memory, or told to stop. */
extern bool judge_report(const Memory *memory, const Judge *judge, JudgeReport *report);

extern void judge_end(const Memory *memory, Judge *judge);

/*
 * The standard error of the mean difference of two figures of the same n
 * users, NaN below two of them; what is NaN in either counts as no difference.
 */
extern double judge_difference_error(const double *one, const double *other, uint64_t n);

#endif							/* PROMO_JUDGE_H */

/*-------------------------------------------------------------------------
 *
 * boost.h
 *	  Boosted trees: each tree mends what those before it left.
 *
 * Gradient boosting with Newton steps (Friedman, Annals of Statistics 29,
 * 2001; Chen, Guestrin, KDD 2016) over histograms of the same bytes that
 * forests grow on, leaf by leaf in the order of what a split gains (Ke et al.,
 * NIPS 2017).  A margin f starts as the base that fits best without features;
 * then each round adds trees, which follow the gradient g and the second
 * derivative h of the loss:
 *
 *	numbers			(f - y)^2 / 2			g = f - y		h = 1
 *	two classes		log(1 + exp(-y f))		g = p - y		h = p (1 - p)
 *	more classes	-log p of the class		g = p - y		h = p (1 - p)
 *
 * p being the class's share by the link, and y 1 for the row's class, else 0;
 * for more classes each has a margin of its own, and a tree in each round.  g
 * and h are multiplied by the weights of the row and its class.  With G and H
 * the sums over a node, a leaf adds -learning_rate G / (H + l2), and a split
 * gains
 *
 *	GL^2 / (HL + l2) + GR^2 / (HR + l2) - G^2 / (H + l2).
 *
 * NULLs go where that is larger.  A category's bins are tried in the order of
 * G / (H + l2), NULL among them, of which first parts are the best sets where
 * l2 is 0 (Fisher, JASA 53, 1958).  A tree may be given a share of the rows and
 * mtry of the features, drawn anew for each.
 *
 * To stop early, the last rows by rank among those to learn from, which is as
 * good as by chance, are held aside; the rounds behind the one with the least
 * loss over them are thrown away.
 *
 * All sums are taken in the order of ranks and by one process, so the same
 * rows give the same bits.
 *
 * Plain C.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_BOOST_H
#define PROMO_FOREST_BOOST_H

#include "forest/grow.h"

/* The base of a class that the training did not have: its share is 0. */
#define BOOST_NEVER (-1000.0)

/* Margins, and so trees of a round */
static inline int32_t
boost_margins(int32_t n_classes)
{
	return n_classes == 0 || n_classes == 2 ? 1 : n_classes;
}

/*
 * What a training has found.  The caller provides the arrays.
 */
typedef struct BoostFit
{
	ModelTree  *trees;			/* options->trees times the margins, all zero */
	int32_t		n_trees;		/* those that are kept */
	double	   *bases;			/* of each margin, in units of the target */
	double	   *gains;			/* of each feature, all zero */
	bool		has_sets;
	ModelFigures held;			/* of the rows behind n_learn, in units */

	/* Told of each round that is done, of so many at most; or NULL */
	void		(*tell) (void *arg, int32_t done, int32_t rounds);
	void	   *tell_arg;
} BoostFit;

/* False: no memory, or stopped.  The trees that there are, are the caller's. */
extern bool boost_fit(const Memory *memory, const GrowMatrix *matrix,
					  const ForestOptions *options, BoostFit *fit,
					  ForestStatus *status);

/* Bytes that boost_fit holds at most, the trees left out */
extern uint64_t boost_need(const ForestData *data, const ForestOptions *options);

/* Leaves that a tree has at most */
extern int64_t boost_leaves(const ForestData *data, const ForestOptions *options);

#endif							/* PROMO_FOREST_BOOST_H */

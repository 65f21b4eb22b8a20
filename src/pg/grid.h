/*-------------------------------------------------------------------------
 *
 * grid.h
 *	  The options that tune() and tune_recommender() try, from a grid or drawn
 *	  by chance.
 *
 * A grid is an object whose keys are options.  An array holds the values to
 * try, anything else is one value; all combinations are candidates:
 *
 *		{"algorithm": ["random_forest", "extra_trees"], "min_leaf": [1, 5, 20]}
 *
 * An array of grids has the candidates of all of them, so that algorithms
 * with options of their own stand side by side.  Candidates drawn by chance
 * come from a space, in which a range may stand for a value:
 *
 *		{"random": 20, "seed": 1, "space": {"trees": {"from": 50, "to": 500},
 *			"learning_rate": {"from": 0.01, "to": 0.3, "log": true}}}
 *
 * Whole numbers at both ends of a range give whole numbers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_GRID_H
#define PROMO_GRID_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "pg/json.h"

#define GRID_MOST 1000

/*
 * A list of Jsonb, each the options of a candidate in full: `common`, and over
 * it what the grid says.  Candidates differ; at most GRID_MOST.  Faults are
 * noted, among them keys of the grid that only `common` may have, of which
 * there are n_common.
 */
extern List *grid_candidates(const Jsonb *grid, const Jsonb *common,
							 const char *const common_keys[], int n_common,
							 JsonFaults *faults);

#endif							/* PROMO_GRID_H */

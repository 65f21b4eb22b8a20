/*-------------------------------------------------------------------------
 *
 * node_split.h
 *	  Splits of nodes, as forests and boosting write them: the test of a node,
 *	  and bins brought into an order, of which a first part passes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_NODE_SPLIT_H
#define PROMO_FOREST_NODE_SPLIT_H

#include "forest/bins.h"
#include "forest/model.h"

/*
 * node_split(feature, n_bins, passing)
 *
 * The `split` of a node whose first child gets the rows of those bins that
 * pass.  A set that is a first or last part of the bins becomes a threshold,
 * for which the children may change places in passing.  Others are under
 * NODE_SET, and to be written behind the children.
 */
extern uint32_t node_split(uint32_t feature, int n_bins, bool *passing);
extern void node_write_set(ForestNode *set, int n_bins, const bool *passing);

/* A bin among those that are brought into an order by a key, then by code */
typedef struct BinItem
{
	double		key;
	uint8_t		code;
	uint8_t		at;
} BinItem;

/* Sorts items, through spare room for half as many. */
extern void bin_items_sort(BinItem *items, BinItem *spare, int n);

#endif							/* PROMO_FOREST_NODE_SPLIT_H */

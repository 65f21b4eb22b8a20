/*-------------------------------------------------------------------------
 *
 * shap.c
 *	  What each feature of a row contributed to a forest's prediction.
 *
 * A tree is walked once, depth first.  An edge of the walk leads from a node
 * to a child and belongs to the feature that the node asks for.  It is hot as
 * long as the row passes it and all edges above of the same feature (o = 1),
 * else cold (o = 0); its share is z, the product over these edges.
 *
 * What an edge credits to its feature holds for all leaves below it.  A second
 * edge of the same feature below takes back what the first one credited for
 * its leaves, and credits anew.  For a cold edge (o - z) / f is -1 / (1 - t),
 * whatever z is: so there is nothing to divide by, and below a cold edge its
 * feature has nothing to take back.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/shap.h"

#include <math.h>

#include "forest/bins.h"
#include "forest/linear.h"
#include "forest/model.h"

/* Edges between two questions whether to go on */
#define EDGES_BETWEEN 8192

/* The points come in fours, so that the compiler can take several at once. */
#define FOUR 4

typedef struct Level
{
	uint32_t	slot;			/* of the node */
	uint32_t	children;		/* walked so far */
	uint32_t	feature;		/* of the edge to the node */
	uint32_t	before;			/* level of the edge above of the same
								 * feature; 0: there is none */
	bool		hot;
	double		share;
} Level;

typedef struct Shap
{
	const Memory *memory;
	uint32_t	n_points;		/* filled up to fours with points of no weight */
	uint32_t	n_features_of_points;	/* what they were chosen for */
	double	   *t;
	double	   *weights;
	double	   *rest;			/* 1 - t */
	double	   *rest_inverse;	/* 1 / (1 - t) */

	double	   *covers;			/* rows below each slot of the tree */
	Level	   *levels;			/* the path to the node; 0 is the root */
	uint32_t   *last;			/* of each feature the last edge on the path */

	/* For each level n_points numbers */
	double	   *products;		/* weight times the f of the path's features */
	double	   *inverses;		/* 1 / f of a hot edge */
	double	   *sums;			/* over the leaves below walked so far, of value
								 * times product */
} Shap;

uint32_t
shap_points(uint32_t n)
{
	uint32_t	exact = n / 2 + n % 2;
	uint32_t	enough = (uint32_t) (3.2 * sqrt((double) n)) + 8;

	/*
	 * Along paths that ask for hundreds of features fewer points do.  A product
	 * of n such factors is (1 + cos x)^s (1 - cos x)^(n-s) in t = (1 + cos x) /
	 * 2 or a sum of such, as wide as 1 / sqrt(n), and its part above degree k
	 * vanishes like exp(-k^2 / n): below the last bit of a double for k above
	 * 6.1 sqrt(n), and k points are good for degree 2k - 1.
	 */
	if (exact < 1)
		exact = 1;
	return exact < enough ? exact : enough;
}

/*
 * Newton's method on the Legendre polynomial, by its recurrence, from the
 * approximation of Abramowitz and Stegun 22.16.6; they are symmetric.
 */
void
shap_quadrature(double *points, uint32_t n, double *weights)
{
	uint32_t	i;

	for (i = 0; i < n / 2 + n % 2; i++)
	{
		double		x = cos(3.14159265358979323846 * (i + 0.75) / (n + 0.5));
		double		slope = 1;
		double		weight;
		int			round;

		for (round = 0; round < 20; round++)
		{
			double		below = 1;
			double		at = x;
			double		step;
			uint32_t	k;

			for (k = 2; k <= n; k++)
			{
				double		next = ((2.0 * k - 1) * x * at - (k - 1.0) * below) / k;

				below = at;
				at = next;
			}
			slope = n * (x * at - below) / (x * x - 1);
			step = at / slope;
			x -= step;
			if (fabs(step) < 1e-15)
				break;
		}
		weight = 1 / ((1 - x * x) * slope * slope);
		points[i] = (1 - x) / 2;
		points[n - 1 - i] = (1 + x) / 2;
		weights[i] = weights[n - 1 - i] = weight;
	}
}

/* Sets up the points for paths that ask for n features. */
static void
choose_points(Shap *shap, uint32_t n)
{
	uint32_t	points = shap_points(n);
	uint32_t	k;

	if (shap->n_points > 0 && shap->n_features_of_points == n)
		return;
	shap_quadrature(shap->t, points, shap->weights);
	shap->n_features_of_points = n;
	shap->n_points = (points + FOUR - 1) / FOUR * FOUR;
	for (k = points; k < shap->n_points; k++)
	{
		shap->t[k] = 0.5;
		shap->weights[k] = 0;
	}
	for (k = 0; k < shap->n_points; k++)
	{
		shap->rest[k] = 1 - shap->t[k];
		shap->rest_inverse[k] = 1 / shap->rest[k];
	}
}

/* What a leaf says of the class, or its value in units */
static double
leaf_value(const Grove *grove, const GroveTree *tree, ForestNode leaf, int64_t class)
{
	if (grove->n_classes == 0 || grove->header->n_bases > 0)
		return node_value(leaf);
	if (class < 0)
		return 0;
	if (grove->n_classes == 1)
		return 1 - (double) node_value(leaf);
	if (grove->n_classes == 2)
		return class == 0 ? 1 - (double) node_value(leaf) : node_value(leaf);
	if (leaf.split & NODE_PURE)
		return leaf.next == class;
	return grove->shares[((uint64_t) tree->first_shares + leaf.next) * grove->n_classes +
						 (uint32_t) class];
}

/*
 * Counts the rows below each slot, and gives the mean of the leaves.  Which
 * slots are nodes and not sets is known from their parents, so they are marked
 * downwards, and then added up from behind, for children stand behind parents.
 */
static double
count_rows(Shap *shap, const Grove *grove, const GroveTree *tree, int64_t class,
		   bool has_sets)
{
	const ForestNode *nodes = grove->nodes + number_u64(tree->begin);
	double	   *covers = shap->covers;
	double		sum = 0;
	uint32_t	slot;

	for (slot = 0; slot < tree->n_slots; slot++)
		covers[slot] = has_sets && slot > 0 ? 0 : 1;
	for (slot = 0; has_sets && slot < tree->n_slots; slot++)
		if (covers[slot] != 0 && !(nodes[slot].split & NODE_LEAF))
			covers[nodes[slot].next] = covers[nodes[slot].next + 1] = 1;
	for (slot = tree->n_slots; slot-- > 0;)
	{
		ForestNode	node = nodes[slot];

		if (covers[slot] == 0)
			continue;
		if (node.split & NODE_LEAF)
		{
			covers[slot] = node_rows(node);
			sum += covers[slot] * leaf_value(grove, tree, node, class);
		}
		else
			covers[slot] = covers[node.next] + covers[node.next + 1];
	}
	if (nodes[0].split & NODE_LEAF)
		return leaf_value(grove, tree, nodes[0], class);
	return covers[0] > 0 ? sum / covers[0] : 0;
}

/*
 * A leaf below an edge: adds its value times the products to the sums of the
 * node above, and gives the edge's credit.
 */
static double
take_leaf(const Shap *shap, const Level *edge, double value, double ratio,
		  const double *restrict products, double *restrict sums)
{
	const double *restrict t = shap->t;
	const double *restrict rest = shap->rest;
	double		one = edge->hot ? 1 : 0;
	double		share = edge->share;
	double		credit[FOUR] = {0};
	uint32_t	k;
	uint32_t	j;

	if (edge->before == 0)
	{
		for (k = 0; k < shap->n_points; k += FOUR)
			for (j = 0; j < FOUR; j++)
			{
				sums[k + j] += value * products[k + j] * (one * t[k + j] + share * rest[k + j]);
				credit[j] += products[k + j];
			}
		return value * (one - share) * (credit[0] + credit[1] + credit[2] + credit[3]);
	}
	if (shap->levels[edge->before].hot)
	{
		const double *restrict inverses = shap->inverses + (size_t) edge->before * shap->n_points;
		double		other = 1 - shap->levels[edge->before].share;

		for (k = 0; k < shap->n_points; k += FOUR)
			for (j = 0; j < FOUR; j++)
			{
				double		without = value * products[k + j] * inverses[k + j];
				double		f = one * t[k + j] + share * rest[k + j];

				sums[k + j] += without * f;
				credit[j] += without * (one - share - other * f * inverses[k + j]);
			}
		return credit[0] + credit[1] + credit[2] + credit[3];
	}
	for (k = 0; k < shap->n_points; k += FOUR)
		for (j = 0; j < FOUR; j++)
			sums[k + j] += value * products[k + j] * ratio;
	return 0;
}

/* Goes down an edge: the products of its node from those of the node above. */
static void
go_down(Shap *shap, uint32_t level, double ratio)
{
	const Level *edge = &shap->levels[level];
	const double *restrict above = shap->products + (size_t) (level - 1) * shap->n_points;
	double	   *restrict products = shap->products + (size_t) level * shap->n_points;
	double	   *restrict inverses = shap->inverses + (size_t) level * shap->n_points;
	double	   *restrict sums = shap->sums + (size_t) level * shap->n_points;
	const double *restrict t = shap->t;
	const double *restrict rest = shap->rest;
	double		share = edge->share;
	uint32_t	k;
	uint32_t	j;

	for (k = 0; k < shap->n_points; k++)
		sums[k] = 0;
	if (edge->before != 0 && !shap->levels[edge->before].hot)
	{
		for (k = 0; k < shap->n_points; k += FOUR)
			for (j = 0; j < FOUR; j++)
				products[k + j] = above[k + j] * ratio;
		return;
	}
	if (edge->hot)
		for (k = 0; k < shap->n_points; k += FOUR)
			for (j = 0; j < FOUR; j++)
			{
				double		f = t[k + j] + share * rest[k + j];

				products[k + j] = above[k + j] * f;
				inverses[k + j] = 1 / f;
			}
	else
		for (k = 0; k < shap->n_points; k += FOUR)
			for (j = 0; j < FOUR; j++)
				products[k + j] = above[k + j] * (share * rest[k + j]);
	if (edge->before != 0)
	{
		const double *restrict taken = shap->inverses + (size_t) edge->before * shap->n_points;

		for (k = 0; k < shap->n_points; k += FOUR)
			for (j = 0; j < FOUR; j++)
				products[k + j] *= taken[k + j];
	}
}

/* Goes back up an edge: hands the sums on, and gives the edge's credit. */
static double
go_up(Shap *shap, uint32_t level)
{
	const Level *edge = &shap->levels[level];
	const double *restrict sums = shap->sums + (size_t) level * shap->n_points;
	const double *restrict inverses = shap->inverses + (size_t) level * shap->n_points;
	double	   *restrict above = shap->sums + (size_t) (level - 1) * shap->n_points;
	double		credit[FOUR] = {0};
	double		factor = 1 - edge->share;
	uint32_t	k;
	uint32_t	j;

	for (k = 0; k < shap->n_points; k += FOUR)
		for (j = 0; j < FOUR; j++)
			above[k + j] += sums[k + j];
	if (edge->before != 0 && !shap->levels[edge->before].hot)
		return 0;
	if (!edge->hot)
	{
		inverses = shap->rest_inverse;
		factor = -1;
	}
	for (k = 0; k < shap->n_points; k += FOUR)
		for (j = 0; j < FOUR; j++)
			credit[j] += factor * sums[k + j] * inverses[k + j];
	if (edge->before != 0)
	{
		inverses = shap->inverses + (size_t) edge->before * shap->n_points;
		factor = 1 - shap->levels[edge->before].share;
		for (k = 0; k < shap->n_points; k += FOUR)
			for (j = 0; j < FOUR; j++)
				credit[j] -= factor * sums[k + j] * inverses[k + j];
	}
	return credit[0] + credit[1] + credit[2] + credit[3];
}

/* Adds a tree's contributions, each leaf's value times unit. */
static ForestStatus
walk_tree(Shap *shap, const Grove *grove, const GroveTree *tree, const uint8_t *row,
		  int64_t class, double unit, double *contributions)
{
	const ForestNode *nodes = grove->nodes + number_u64(tree->begin);
	uint32_t	level = 0;
	uint32_t	edges = 0;
	uint32_t	k;

	if (nodes[0].split & NODE_LEAF)
		return FOREST_OK;
	memset(&shap->levels[0], 0, sizeof(Level));
	for (k = 0; k < shap->n_points; k++)
	{
		shap->products[k] = shap->weights[k];
		shap->sums[k] = 0;
	}
	for (;;)
	{
		Level	   *parent = &shap->levels[level];
		Level	   *edge = parent + 1;
		ForestNode	node = nodes[parent->slot];
		double		ratio;

		if (parent->children == 2)
		{
			if (level == 0)
				return FOREST_OK;
			contributions[parent->feature] += go_up(shap, level);
			shap->last[parent->feature] = parent->before;
			level--;
			continue;
		}

		edge->slot = node.next + parent->children++;
		edge->children = 0;
		edge->feature = node_feature(node);
		edge->before = shap->last[edge->feature];
		edge->hot = node_next(nodes, node, row, true) == edge->slot;
		ratio = 0;
		if (shap->covers[parent->slot] > 0)
			ratio = shap->covers[edge->slot] / shap->covers[parent->slot];
		edge->share = ratio;
		if (edge->before != 0)
		{
			edge->hot = edge->hot && shap->levels[edge->before].hot;
			edge->share *= shap->levels[edge->before].share;
		}

		/* Where neither the row nor any of the training came there is nothing. */
		if (!edge->hot && edge->share == 0)
			continue;
		if (nodes[edge->slot].split & NODE_LEAF)
			contributions[edge->feature] +=
				take_leaf(shap, edge, unit * leaf_value(grove, tree, nodes[edge->slot], class),
						  ratio, shap->products + (size_t) level * shap->n_points,
						  shap->sums + (size_t) level * shap->n_points);
		else
		{
			level++;
			shap->last[edge->feature] = level;
			go_down(shap, level, ratio);
		}
		if (++edges == EDGES_BETWEEN)
		{
			edges = 0;
			if (!shap->memory->may_go_on(shap->memory->arg))
				return FOREST_STOPPED;
		}
	}
}

/* The features that a path of a tree can ask for at most */
static uint32_t
path_features(const Forest *forest, const GroveTree *tree)
{
	return tree->depth < forest->n_features ? tree->depth : forest->n_features;
}

static void
release(Shap *shap)
{
	memory_release(shap->memory, shap->t);
	memory_release(shap->memory, shap->covers);
	memory_release(shap->memory, shap->levels);
	memory_release(shap->memory, shap->last);
	memory_release(shap->memory, shap->products);
}

/* Room for the largest and the deepest tree */
static bool
start(Shap *shap, const Memory *memory, const Forest *forest)
{
	Grove		grove = model_first_grove(forest);
	uint32_t	deepest = 0;
	uint32_t	largest = 0;
	size_t		points;
	size_t		numbers;
	uint32_t	g;
	uint32_t	t;

	memset(shap, 0, sizeof(*shap));
	shap->memory = memory;
	for (g = 0; g < forest->n_groves; g++)
	{
		if (g > 0)
			grove = model_next_grove(forest, &grove);
		for (t = 0; t < grove.n_trees; t++)
		{
			if (grove.trees[t].depth > deepest)
				deepest = grove.trees[t].depth;
			if (grove.trees[t].n_slots > largest)
				largest = grove.trees[t].n_slots;
		}
	}
	points = shap_points(deepest < forest->n_features ? deepest : forest->n_features) + FOUR;
	numbers = (deepest + (size_t) 1) * points;
	shap->t = memory_array(memory, points, 4 * sizeof(double));
	shap->covers = memory_array(memory, largest, sizeof(double));
	shap->levels = memory_array(memory, (size_t) deepest + 2, sizeof(Level));
	shap->last = memory_zero_array(memory, (size_t) forest->n_features + 1, sizeof(uint32_t));
	shap->products = memory_array(memory, numbers, 3 * sizeof(double));
	if (shap->t == NULL || shap->covers == NULL || shap->levels == NULL ||
		shap->last == NULL || shap->products == NULL)
	{
		release(shap);
		return false;
	}
	shap->weights = shap->t + points;
	shap->rest = shap->t + 2 * points;
	shap->rest_inverse = shap->t + 3 * points;
	shap->inverses = shap->products + numbers;
	shap->sums = shap->products + 2 * numbers;
	return true;
}

ForestStatus
shap_explain(const Memory *memory, const Forest *forest, const uint8_t *row,
			 uint32_t class, double *base, double *contributions)
{
	Grove		grove = model_first_grove(forest);
	ForestStatus status = FOREST_OK;
	Shap		shap;
	uint32_t	g;
	uint32_t	t;

	*base = 0;
	for (t = 0; t < forest->n_features; t++)
		contributions[t] = 0;
	if (linear_is(forest->algorithm))
	{
		/* The margin: of the class, or of two that of the second */
		double		sign = forest->link == FOREST_LOGIT && class == 0 ? -1 : 1;
		uint32_t	margin = forest->link == FOREST_SOFTMAX ? class : 0;

		*base = sign * number_double(grove.bases[margin]);
		linear_explain(forest, &grove, row, margin, sign, contributions);
		return FOREST_OK;
	}
	if (!start(&shap, memory, forest))
		return FOREST_NO_MEMORY;
	for (g = 0; status == FOREST_OK && g < forest->n_groves; g++)
	{
		int64_t		of_grove = -1;
		double		unit = 1.0 / forest->n_trees;
		uint32_t	first = 0;
		uint32_t	step = 1;
		uint32_t	c;

		if (g > 0)
		{
			row += model_row_size(forest, &grove);
			grove = model_next_grove(forest, &grove);
		}
		for (c = 0; c < grove.n_classes; c++)
			if (grove.classes[c] == class)
				of_grove = c;
		if (forest->link != FOREST_MEAN)
		{
			/* The margin: of the class, or of two that of the second */
			double		sign = forest->link == FOREST_LOGIT && class == 0 ? -1 : 1;

			step = grove.header->n_bases;
			first = step > 1 ? class : 0;
			*base += sign * number_double(grove.bases[first]);
			unit = sign * number_double(grove.header->scale);
		}
		else if (grove.n_classes == 0)
		{
			*base += number_double(grove.header->base) * ((double) grove.n_trees / forest->n_trees);
			unit *= number_double(grove.header->scale);
		}
		for (t = first; status == FOREST_OK && t < grove.n_trees; t += step)
		{
			const GroveTree *tree = &grove.trees[t];

			choose_points(&shap, path_features(forest, tree));
			*base += unit * count_rows(&shap, &grove, tree, of_grove, forest->has_sets);
			status = walk_tree(&shap, &grove, tree, row,
							   of_grove, unit, contributions);
			if (status == FOREST_OK && !memory->may_go_on(memory->arg))
				status = FOREST_STOPPED;
		}
	}
	release(&shap);
	return status;
}

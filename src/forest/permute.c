/*-------------------------------------------------------------------------
 *
 * permute.c
 *	  How much worse a tree gets when it is told a wrong value of a feature.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/permute.h"

/* Rows between two questions whether to go on */
#define ROWS_BETWEEN 4096

struct Permuter
{
	const Memory *memory;
	const GrowMatrix *matrix;
	double	   *rises;			/* of each feature */
	uint64_t   *asked;			/* of each feature: the last row that was asked
								 * for it, by number over all calls */
	uint64_t	row;
	uint32_t   *path;			/* inner nodes on the way of a row */
	size_t		path_size;
	double	   *squares;		/* of each row of shares: the sum of their squares */
	size_t		squares_size;
};

uint64_t
permute_need(int32_t n_features)
{
	return sizeof(Permuter) + (uint64_t) n_features * (sizeof(double) + sizeof(uint64_t));
}

Permuter *
permute_start(const Memory *memory, const GrowMatrix *matrix)
{
	Permuter   *permuter = memory_zero_array(memory, 1, sizeof(*permuter));
	size_t		n_features = (size_t) matrix->n_features;

	if (permuter == NULL)
		return NULL;
	permuter->memory = memory;
	permuter->matrix = matrix;
	permuter->rises = memory_array(memory, n_features, sizeof(*permuter->rises));
	permuter->asked = memory_zero_array(memory, n_features, sizeof(*permuter->asked));
	if (permuter->rises == NULL || permuter->asked == NULL)
	{
		permute_end(permuter);
		return NULL;
	}
	return permuter;
}

void
permute_end(Permuter *permuter)
{
	const Memory *memory = permuter->memory;

	memory_release(memory, permuter->rises);
	memory_release(memory, permuter->asked);
	memory_release(memory, permuter->path);
	memory_release(memory, permuter->squares);
	memory_release(memory, permuter);
}

static inline uint8_t
bin_of(const GrowMatrix *matrix, uint32_t rank, uint32_t feature)
{
	return matrix->bytes[(size_t) rank * matrix->row_step + (size_t) feature * matrix->feature_step];
}

/* The squared error of a row that ends in the leaf */
static inline double
leaf_error(const Permuter *permuter, const ModelTree *tree, ForestNode leaf, uint32_t rank)
{
	const GrowMatrix *matrix = permuter->matrix;
	double		miss;

	if (matrix->n_classes > 2)
	{
		uint16_t	class = matrix->classes[rank];

		if (leaf.split & NODE_PURE)
			return leaf.next == class ? 0 : 2;
		return permuter->squares[leaf.next] + 1 -
			2.0 * tree->shares[(size_t) leaf.next * (size_t) matrix->n_classes + class];
	}
	miss = node_value(leaf) -
		(matrix->n_classes == 0 ? matrix->targets[rank] : (double) matrix->classes[rank]);
	return miss * miss;
}

/* Adds what one row has to say of the features that it is asked for. */
static void
permute_row(Permuter *permuter, const ModelTree *tree, uint32_t rank, uint32_t other)
{
	const GrowMatrix *matrix = permuter->matrix;
	const ForestNode *nodes = tree->nodes;
	uint32_t	slot = 0;
	uint32_t	length = 0;
	double		error;
	uint32_t	i;

	while (!(nodes[slot].split & NODE_LEAF))
	{
		permuter->path[length++] = slot;
		slot = node_next_of(nodes, nodes[slot],
							bin_of(matrix, rank, node_feature(nodes[slot])), true);
	}
	error = leaf_error(permuter, tree, nodes[slot], rank);

	permuter->row++;
	for (i = 0; i < length; i++)
	{
		uint32_t	feature = node_feature(nodes[permuter->path[i]]);
		uint8_t		bin;

		if (permuter->asked[feature] == permuter->row)
			continue;
		permuter->asked[feature] = permuter->row;
		bin = bin_of(matrix, other, feature);
		if (bin == bin_of(matrix, rank, feature))
			continue;
		slot = permuter->path[i];
		while (!(nodes[slot].split & NODE_LEAF))
		{
			uint32_t	asked = node_feature(nodes[slot]);

			slot = node_next_of(nodes, nodes[slot],
								asked == feature ? bin : bin_of(matrix, rank, asked), true);
		}
		permuter->rises[feature] += leaf_error(permuter, tree, nodes[slot], rank) - error;
	}
}

/* Room for what a larger tree needs; what was there is not kept. */
static bool
make_room(Permuter *permuter, const ModelTree *tree)
{
	const Memory *memory = permuter->memory;

	if (permuter->path_size <= tree->depth)
	{
		memory_release(memory, permuter->path);
		permuter->path_size = (size_t) tree->depth + 1;
		permuter->path = memory_array(memory, permuter->path_size, sizeof(*permuter->path));
		if (permuter->path == NULL)
			permuter->path_size = 0;
	}
	if (permuter->squares_size < tree->n_shares)
	{
		memory_release(memory, permuter->squares);
		permuter->squares_size = tree->n_shares;
		permuter->squares = memory_array(memory, permuter->squares_size, sizeof(*permuter->squares));
		if (permuter->squares == NULL)
			permuter->squares_size = 0;
	}
	return permuter->path_size > tree->depth && permuter->squares_size >= tree->n_shares;
}

bool
permute_tree(Permuter *permuter, const ModelTree *tree,
			 const uint32_t *ranks, const uint32_t *dealt, uint32_t n,
			 const double **rises, ForestStatus *status)
{
	const Memory *memory = permuter->memory;
	size_t		k = (size_t) permuter->matrix->n_classes;
	int32_t		n_features = permuter->matrix->n_features;
	uint32_t	i;
	size_t		c;
	int32_t		f;

	*status = FOREST_NO_MEMORY;
	if (!make_room(permuter, tree))
		return false;
	for (i = 0; i < tree->n_shares; i++)
	{
		permuter->squares[i] = 0;
		for (c = 0; c < k; c++)
			permuter->squares[i] += (double) tree->shares[i * k + c] * tree->shares[i * k + c];
	}
	for (f = 0; f < n_features; f++)
		permuter->rises[f] = 0;
	for (i = 0; i < n; i++)
	{
		if (i % ROWS_BETWEEN == ROWS_BETWEEN - 1 && !memory->may_go_on(memory->arg))
		{
			*status = FOREST_STOPPED;
			return false;
		}
		permute_row(permuter, tree, ranks[i], dealt[i]);
	}
	for (f = 0; n > 0 && f < n_features; f++)
		permuter->rises[f] /= n;
	*rises = permuter->rises;
	*status = FOREST_OK;
	return true;
}

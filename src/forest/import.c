/*-------------------------------------------------------------------------
 *
 * import.c
 *	  Trees that were grown elsewhere, as a model of ours.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/bins.h"
#include "forest/import.h"
#include "forest/model.h"

#include <math.h>

/* Cuts of a feature that a grove has bytes for */
#define MOST_CUTS (FOREST_MAX_BINS - 1)

typedef struct CutSet
{
	double		cut[MOST_CUTS]; /* ascending */
	int32_t		n;
} CutSet;

typedef struct TreeCut
{
	int32_t		feature;
	double		cut;
} TreeCut;

/* Leaves `first` to before `end` of a tree; the others count 0. */
typedef struct Piece
{
	int32_t		tree;
	int32_t		first;
	int32_t		end;
} Piece;

typedef struct Importer
{
	const Memory *memory;
	const Import *import;
	ForestProblem *problem;

	/* Of the tree that is looked at: the leaves below each node */
	int32_t    *first_leaf;
	int32_t    *end_leaf;
	int32_t    *stack;
	TreeCut    *cuts;			/* of a piece, sorted, each once */
	int32_t		n_cuts;

	/* The grove that is filled: its cuts, and the pieces of each margin */
	CutSet	  **sets;			/* of each feature; NULL: empty */
	Piece	   *pieces;
	int32_t		n_pieces;
	int32_t		room;
	int32_t		all_trees;		/* written so far */

	Forest	   *groves;			/* each a model of its own */
	ModelString *strings;
	int32_t		n_groves;
	int32_t		room_groves;
} Importer;

static bool
fail(Importer *importer, ForestStatus status, const char *option)
{
	importer->problem->status = status;
	importer->problem->option = option;
	return false;
}

static bool
is_leaf(const ImportNode *node)
{
	return node->children[0] < 0;
}

/*
 * Numbers the leaves from left to right, and finds which are below each node.
 * Gives how many there are.
 */
static int32_t
number_leaves(Importer *importer, const ImportTree *tree)
{
	int32_t		n = 0;
	int32_t		depth = 0;

	/* A node is on the stack from its first child on until both are done. */
	importer->stack[depth++] = 0;
	importer->first_leaf[0] = -1;
	while (depth > 0)
	{
		int32_t		at = importer->stack[depth - 1];
		const ImportNode *node = &tree->nodes[at];

		if (is_leaf(node))
		{
			importer->first_leaf[at] = n++;
			importer->end_leaf[at] = n;
			depth--;
		}
		else if (importer->first_leaf[at] < 0)
		{
			importer->first_leaf[at] = n;
			importer->end_leaf[at] = -1;
			importer->stack[depth++] = node->children[0];
			importer->first_leaf[node->children[0]] = -1;
		}
		else if (importer->end_leaf[at] < 0)
		{
			importer->end_leaf[at] = n;
			importer->stack[depth++] = node->children[1];
			importer->first_leaf[node->children[1]] = -1;
		}
		else
		{
			importer->end_leaf[at] = n;
			depth--;
		}
	}
	return n;
}

static bool
is_in(const Importer *importer, const Piece *piece, int32_t node)
{
	return importer->first_leaf[node] < piece->end && importer->end_leaf[node] > piece->first;
}

static bool
before(const TreeCut *a, const TreeCut *b)
{
	return a->feature != b->feature ? a->feature < b->feature : a->cut < b->cut;
}

/* Heap sort, which needs no room of its own */
static void
sort_cuts(TreeCut *cuts, int32_t n)
{
	int32_t		start = n / 2;
	int32_t		end = n;

	while (end > 1)
	{
		TreeCut		moved;
		int32_t		at;
		int32_t		child;

		if (start > 0)
			moved = cuts[--start];
		else
		{
			moved = cuts[--end];
			cuts[end] = cuts[0];
		}
		for (at = start; (child = 2 * at + 1) < end; at = child)
		{
			if (child + 1 < end && before(&cuts[child], &cuts[child + 1]))
				child++;
			if (!before(&moved, &cuts[child]))
				break;
			cuts[at] = cuts[child];
		}
		cuts[at] = moved;
	}
}

/* The cuts of a piece; false when a feature has too many even for it alone. */
static bool
collect_cuts(Importer *importer, const ImportTree *tree, const Piece *piece)
{
	int32_t		n = 0;
	int32_t		depth = 0;
	int32_t		kept = 0;
	int32_t		of_feature = 0;
	int32_t		i;

	importer->stack[depth++] = 0;
	while (depth > 0)
	{
		const ImportNode *node = &tree->nodes[importer->stack[--depth]];
		int			side;

		if (is_leaf(node))
			continue;
		importer->cuts[n].feature = node->feature;
		importer->cuts[n++].cut = node->cut + 0.0;	/* -0 becomes 0 */
		for (side = 0; side < 2; side++)
			if (is_in(importer, piece, node->children[side]))
				importer->stack[depth++] = node->children[side];
	}
	sort_cuts(importer->cuts, n);
	for (i = 0; i < n; i++)
	{
		const TreeCut *last = kept > 0 ? &importer->cuts[kept - 1] : NULL;

		if (last != NULL && !before(last, &importer->cuts[i]))
			continue;
		of_feature = last != NULL && last->feature == importer->cuts[i].feature ? of_feature + 1 : 1;
		if (of_feature > MOST_CUTS)
			return false;
		importer->cuts[kept++] = importer->cuts[i];
	}
	importer->n_cuts = kept;
	return true;
}

/* The number of cuts of the set below this one */
static int32_t
cut_place(const CutSet *set, double cut)
{
	int32_t		low = 0;
	int32_t		high = set->n;

	while (low < high)
	{
		int32_t		middle = low + (high - low) / 2;

		if (set->cut[middle] < cut)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
has_cut(const CutSet *set, double cut)
{
	int32_t		place = cut_place(set, cut);

	return place < set->n && set->cut[place] == cut;
}

/* Whether the cuts fit into the grove beside those that are there */
static bool
fits(const Importer *importer)
{
	int32_t		more = 0;
	int32_t		i;

	for (i = 0; i < importer->n_cuts; i++)
	{
		int32_t		feature = importer->cuts[i].feature;
		const CutSet *set = importer->sets[feature];

		if (i == 0 || importer->cuts[i - 1].feature != feature)
			more = set == NULL ? 0 : set->n;
		more += set == NULL || !has_cut(set, importer->cuts[i].cut);
		if (more > MOST_CUTS)
			return false;
	}
	return true;
}

static bool
add_cuts(Importer *importer)
{
	int32_t		i;

	for (i = 0; i < importer->n_cuts; i++)
	{
		CutSet	  **set = &importer->sets[importer->cuts[i].feature];
		double		cut = importer->cuts[i].cut;
		int32_t		place;

		if (*set == NULL)
			*set = memory_zero_array(importer->memory, 1, sizeof(**set));
		if (*set == NULL)
			return fail(importer, FOREST_NO_MEMORY, NULL);
		place = cut_place(*set, cut);
		if (place < (*set)->n && (*set)->cut[place] == cut)
			continue;
		memmove(&(*set)->cut[place + 1], &(*set)->cut[place],
				((size_t) (*set)->n - (size_t) place) * sizeof(double));
		(*set)->cut[place] = cut;
		(*set)->n++;
	}
	return true;
}

/* Rows below a node, as its leaves weighed */
static double
rows_below(Importer *importer, const ImportTree *tree, int32_t top)
{
	double		rows = 0;
	int32_t		depth = 0;

	importer->stack[depth++] = top;
	while (depth > 0)
	{
		const ImportNode *node = &tree->nodes[importer->stack[--depth]];

		if (is_leaf(node))
			rows += node->rows;
		else
		{
			importer->stack[depth++] = node->children[0];
			importer->stack[depth++] = node->children[1];
		}
	}
	return rows;
}

static ForestNode
leaf_node(double value, double rows, uint32_t shift)
{
	float		number = (float) value;
	double		parts = rint(ldexp(rows, (int) shift));
	ForestNode	node;

	if (parts < 1)
		parts = 1;
	if (parts > NODE_MAX_ROWS)
		parts = NODE_MAX_ROWS;
	memcpy(&node.next, &number, sizeof(number));
	node.split = NODE_LEAF | (uint32_t) parts << NODE_BYTE_SHIFT;
	return node;
}

/* A tree for a margin that has none in a round */
static bool
grow_nothing(Importer *importer, ModelTree *tree)
{
	tree->nodes = memory_array(importer->memory, 1, sizeof(*tree->nodes));
	if (tree->nodes == NULL)
		return fail(importer, FOREST_NO_MEMORY, NULL);
	tree->nodes[0] = leaf_node(0, 1, 0);
	tree->n_slots = 1;
	tree->n_leaves = 1;
	return true;
}

/* Writes a piece as nodes, parents first. */
static bool
grow_piece(Importer *importer, const Piece *piece, uint32_t shift, ModelTree *out)
{
	const ImportTree *tree = &importer->import->trees[piece->tree];
	int32_t    *node_of;		/* of each slot */
	uint32_t   *depth_of;
	uint32_t	slot;

	(void) number_leaves(importer, tree);
	node_of = memory_array(importer->memory, (size_t) tree->n_nodes, sizeof(*node_of));
	depth_of = memory_array(importer->memory, (size_t) tree->n_nodes, sizeof(*depth_of));
	out->nodes = memory_array(importer->memory, (size_t) tree->n_nodes, sizeof(*out->nodes));
	if (node_of == NULL || depth_of == NULL || out->nodes == NULL)
	{
		memory_release(importer->memory, node_of);
		memory_release(importer->memory, depth_of);
		return fail(importer, FOREST_NO_MEMORY, NULL);
	}
	node_of[0] = 0;
	depth_of[0] = 0;
	out->n_slots = 1;
	for (slot = 0; slot < out->n_slots; slot++)
	{
		const ImportNode *node = &tree->nodes[node_of[slot]];

		if (depth_of[slot] > out->depth)
			out->depth = depth_of[slot];
		if (is_leaf(node) || !is_in(importer, piece, node_of[slot]))
		{
			bool		counts = is_in(importer, piece, node_of[slot]);

			out->nodes[slot] = leaf_node(counts ? node->value * tree->factor : 0,
										 rows_below(importer, tree, node_of[slot]), shift);
			out->n_leaves++;
		}
		else
		{
			/* One more than the cuts below it: see bins.h. */
			uint32_t	bin = (uint32_t) cut_place(importer->sets[node->feature], node->cut) + 1;
			int			side;

			out->nodes[slot].next = out->n_slots;
			out->nodes[slot].split = (uint32_t) node->feature << NODE_FEATURE_SHIFT |
				(node->null_passes ? bin << NODE_BYTE_SHIFT :
				 (bin - 1) << NODE_BYTE_SHIFT | NODE_NULL_FAILS);
			for (side = 0; side < 2; side++)
			{
				node_of[out->n_slots] = node->children[side];
				depth_of[out->n_slots++] = depth_of[slot] + 1;
			}
		}
	}
	memory_release(importer->memory, node_of);
	memory_release(importer->memory, depth_of);
	return true;
}

/* Parts of a row that leaves can count, so that the heaviest still fits */
static uint32_t
choose_shift(const Importer *importer)
{
	double		most = 1;
	uint32_t	shift = 0;
	int32_t		p;
	int32_t		i;

	for (p = 0; p < importer->n_pieces; p++)
	{
		const ImportTree *tree = &importer->import->trees[importer->pieces[p].tree];
		double		all = 0;

		for (i = 0; i < tree->n_nodes; i++)
			if (is_leaf(&tree->nodes[i]))
				all += tree->nodes[i].rows;
		if (all > most)
			most = all;
	}
	while (shift < 20 && ldexp(most, (int) shift + 1) < NODE_MAX_ROWS)
		shift++;
	return shift;
}

/* Writes the pieces that came together as a grove, in a model of its own. */
static bool
write_grove(Importer *importer)
{
	const Import *import = importer->import;
	const Memory *memory = importer->memory;
	int32_t		n_margins = import->n_margins;
	ForestData	data = {0};
	ForestOptions options;
	ModelParts	parts = {0};
	ModelTree  *trees = NULL;
	BinTable   *tables = memory_zero_array(memory, (size_t) import->n_features, sizeof(*tables));
	double	   *bases = memory_zero_array(memory, (size_t) n_margins, sizeof(*bases));
	int32_t    *rounds = memory_zero_array(memory, (size_t) n_margins, sizeof(*rounds));
	int32_t		n_rounds = 0;
	ModelString string = {0};
	ModelOut	out = model_string_start(&string, memory, 0);
	bool		ok = false;
	uint32_t	shift = choose_shift(importer);
	int32_t		i;

	if (tables == NULL || bases == NULL || rounds == NULL)
		goto done;
	for (i = 0; i < importer->n_pieces; i++)
		if (++rounds[importer->pieces[i].tree % n_margins] > n_rounds)
			n_rounds = rounds[importer->pieces[i].tree % n_margins];
	importer->all_trees += n_rounds * n_margins;
	if (importer->all_trees > FOREST_MAX_TREES)
	{
		(void) fail(importer, FOREST_BAD_OPTION, "trees");
		goto done;
	}
	trees = memory_zero_array(memory, (size_t) n_rounds * (size_t) n_margins, sizeof(*trees));
	if (trees == NULL)
		goto done;
	memset(rounds, 0, sizeof(*rounds) * (size_t) n_margins);
	for (i = 0; i < importer->n_pieces; i++)
	{
		int32_t		margin = importer->pieces[i].tree % n_margins;

		if (!memory->may_go_on(memory->arg))
		{
			(void) fail(importer, FOREST_STOPPED, NULL);
			goto done;
		}
		if (!grow_piece(importer, &importer->pieces[i], shift,
						&trees[rounds[margin]++ * n_margins + margin]))
			goto done;
	}
	for (i = 0; i < n_rounds * n_margins; i++)
		if (trees[i].nodes == NULL && !grow_nothing(importer, &trees[i]))
			goto done;
	for (i = 0; i < import->n_features; i++)
	{
		tables[i].kind = FOREST_NUMBER;
		tables[i].n_bins = 1;
		if (importer->sets[i] != NULL)
		{
			tables[i].n_bins = importer->sets[i]->n + 1;
			tables[i].cuts = importer->sets[i]->cut;
		}
	}

	data.n_rows = import->rows;
	data.n_features = import->n_features;
	data.features = import->features;
	data.n_classes = import->n_classes;
	data.class_names = import->class_names;
	data.target_source = import->target_source;
	forest_options_of(&options, import->algorithm);
	options.trees = n_rounds * n_margins;
	options.positive = import->positive;
	parts.data = &data;
	parts.options = &options;
	parts.n_learn = import->rows;
	parts.tables = tables;
	parts.trees = trees;
	parts.n_trees = options.trees;
	parts.gains = import->gains;
	parts.scale = 1;
	parts.link = import->link;
	parts.bases = importer->n_groves == 0 ? import->bases : bases;
	parts.kind = GROVE_TREES;
	parts.rows_shift = shift;

	if (importer->n_groves == importer->room_groves)
	{
		int32_t		room = importer->room_groves * 2 + 4;
		Forest	   *groves = memory_grow(memory, importer->groves, (size_t) importer->room_groves,
										 (size_t) room, sizeof(*groves));
		ModelString *strings;

		if (groves == NULL)
			goto done;
		importer->groves = groves;
		strings = memory_grow(memory, importer->strings, (size_t) importer->room_groves,
							  (size_t) room, sizeof(*strings));
		if (strings == NULL)
			goto done;
		importer->strings = strings;
		importer->room_groves = room;
	}
	if (!model_write(memory, &parts, &out))
		goto done;
	importer->strings[importer->n_groves] = string;
	(void) forest_open(&importer->groves[importer->n_groves], string.bytes, string.size);
	string.bytes = NULL;
	importer->n_groves++;
	ok = true;

done:
	if (!ok && importer->problem->status == FOREST_OK)
		(void) fail(importer, FOREST_NO_MEMORY, NULL);
	for (i = 0; trees != NULL && i < n_rounds * n_margins; i++)
		memory_release(memory, trees[i].nodes);
	memory_release(memory, trees);
	memory_release(memory, tables);
	memory_release(memory, bases);
	memory_release(memory, rounds);
	memory_release(memory, string.bytes);
	for (i = 0; i < import->n_features; i++)
		if (importer->sets[i] != NULL)
			importer->sets[i]->n = 0;
	importer->n_pieces = 0;
	return ok;
}

/* Adds a piece to the grove, or to the next one. */
static bool
add_piece(Importer *importer, const Piece *piece)
{
	if (!fits(importer) && !write_grove(importer))
		return false;
	if (importer->n_pieces == importer->room)
	{
		int32_t		room = importer->room * 2 + 64;
		Piece	   *pieces = memory_grow(importer->memory, importer->pieces,
										 (size_t) importer->room, (size_t) room, sizeof(*pieces));

		if (pieces == NULL)
			return fail(importer, FOREST_NO_MEMORY, NULL);
		importer->pieces = pieces;
		importer->room = room;
	}
	importer->pieces[importer->n_pieces++] = *piece;
	return add_cuts(importer);
}

/* Adds a tree, in halves of its leaves where it does not fit. */
static bool
add_tree(Importer *importer, int32_t t)
{
	const ImportTree *tree = &importer->import->trees[t];
	int32_t		n_leaves = number_leaves(importer, tree);
	int32_t		first = 0;
	int32_t		end = n_leaves;

	/* From left to right, each piece as long as halving finds it fitting */
	while (first < n_leaves)
	{
		Piece		piece = {t, first, end};

		if (!collect_cuts(importer, tree, &piece))
		{
			if (end - first == 1)
				return fail(importer, FOREST_BAD_OPTION, "depth");
			end = first + (end - first) / 2;
			continue;
		}
		if (!add_piece(importer, &piece))
			return false;
		(void) number_leaves(importer, tree);	/* write_grove had others */
		first = end;
		end = n_leaves;
	}
	return true;
}

bool
import_forest(const Memory *memory, const Import *import, size_t room,
			  char **bytes, size_t *size, ForestProblem *problem)
{
	Importer	importer = {0};
	int32_t		largest = 1;
	bool		ok = false;
	int32_t		i;

	importer.memory = memory;
	importer.import = import;
	importer.problem = problem;
	memset(problem, 0, sizeof(*problem));
	problem->feature = -1;
	problem->class = -1;
	*bytes = NULL;
	for (i = 0; i < import->n_trees; i++)
		if (import->trees[i].n_nodes > largest)
			largest = import->trees[i].n_nodes;
	importer.first_leaf = memory_array(memory, (size_t) largest, sizeof(*importer.first_leaf));
	importer.end_leaf = memory_array(memory, (size_t) largest, sizeof(*importer.end_leaf));
	importer.stack = memory_array(memory, (size_t) largest + 1, sizeof(*importer.stack));
	importer.cuts = memory_array(memory, (size_t) largest, sizeof(*importer.cuts));
	importer.sets = memory_zero_array(memory, (size_t) import->n_features, sizeof(*importer.sets));
	if (importer.first_leaf == NULL || importer.end_leaf == NULL || importer.stack == NULL ||
		importer.cuts == NULL || importer.sets == NULL)
	{
		(void) fail(&importer, FOREST_NO_MEMORY, NULL);
		goto done;
	}
	for (i = 0; i < import->n_trees; i++)
	{
		if (!memory->may_go_on(memory->arg))
		{
			(void) fail(&importer, FOREST_STOPPED, NULL);
			goto done;
		}
		if (!add_tree(&importer, i))
			goto done;
	}
	if (!write_grove(&importer))
		goto done;
	ok = model_join(memory, importer.groves, (size_t) importer.n_groves, room, bytes, size, problem);

done:
	for (i = 0; i < importer.n_groves; i++)
		memory_release(memory, importer.strings[i].bytes);
	for (i = 0; importer.sets != NULL && i < import->n_features; i++)
		memory_release(memory, importer.sets[i]);
	memory_release(memory, importer.strings);
	memory_release(memory, importer.groves);
	memory_release(memory, importer.pieces);
	memory_release(memory, importer.sets);
	memory_release(memory, importer.cuts);
	memory_release(memory, importer.stack);
	memory_release(memory, importer.end_leaf);
	memory_release(memory, importer.first_leaf);
	return ok;
}

/*-------------------------------------------------------------------------
 *
 * matrix.h
 *	  Who had what: rows as they come, and the matrix made of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_MATRIX_H
#define PROMO_MATRIX_H

#include "recommend/names.h"

#include <stddef.h>

#define INTERACTION_CHUNK 65536

typedef struct InteractionChunk
{
	uint32_t   *customer;
	uint32_t   *item;
	double	   *weight;			/* NULL without weights */
	int64_t    *at;				/* NULL without times */
} InteractionChunk;

/*
 * Rows under the numbers of two lists of names, which several may share and
 * which live longer.
 */
typedef struct Interactions
{
	const Memory *memory;
	Names	   *customers;
	Names	   *items;
	Names		categories;
	bool		has_weights;
	bool		has_times;
	uint64_t	rows;
	uint64_t	bytes;			/* held, without the customers and items */

	/* Of matrix.c alone */
	InteractionChunk *chunks;
	uint64_t	n_chunks;
	uint64_t	chunk_room;
	uint32_t   *category_of;	/* an item's, NAME_NONE where it has none */
	uint32_t	category_room;
} Interactions;

extern bool interactions_start(Interactions *rows, const Memory *memory,
							   Names *customers, Names *items,
							   bool has_weights, bool has_times);
extern void interactions_end(Interactions *rows);

/*
 * A row.  The weight is finite and above 0, and 1 is taken without weights;
 * at is in microseconds.
 */
extern bool interactions_add(Interactions *rows, uint32_t customer, uint32_t item,
							 double weight, int64_t at);

/* An item's category; of several, the one whose text is first stays. */
extern bool interactions_categorize(Interactions *rows, uint32_t item,
									const char *data, uint32_t size);

static inline uint32_t
interactions_customer(const Interactions *rows, uint64_t row)
{
	return rows->chunks[row / INTERACTION_CHUNK].customer[row % INTERACTION_CHUNK];
}

static inline uint32_t
interactions_item(const Interactions *rows, uint64_t row)
{
	return rows->chunks[row / INTERACTION_CHUNK].item[row % INTERACTION_CHUNK];
}

static inline double
interactions_weight(const Interactions *rows, uint64_t row)
{
	return rows->has_weights ?
		rows->chunks[row / INTERACTION_CHUNK].weight[row % INTERACTION_CHUNK] : 1;
}

static inline int64_t
interactions_at(const Interactions *rows, uint64_t row)
{
	return rows->has_times ?
		rows->chunks[row / INTERACTION_CHUNK].at[row % INTERACTION_CHUNK] : 0;
}

/*
 * Entries, by customer and by item.
 *
 * The amount of an entry is the sum of its rows' weights, their number where
 * there are no weights.  Its value is what methods reckon with: without
 * weights 1 however many rows there are, with weights the amount; with a
 * half-life, weights (of the latest row, where there are none: 1) count for
 * half for each half-life that they are older than the newest row of all.
 *
 * Arrays by customer follow customer_start, those by item item_start; each
 * list rises.  Where amounts or values are all 1, their arrays are NULL.
 */
typedef struct Matrix
{
	const Memory *memory;
	uint32_t	n_customers;	/* all of the names, with items or not */
	uint32_t	n_items;
	uint64_t	n_entries;
	uint64_t   *customer_start; /* n_customers + 1 */
	uint32_t   *items;
	float	   *values;
	float	   *amounts;		/* may be the same array as values */
	int64_t    *last_at;		/* of the latest row; NULL without times */
	uint64_t   *item_start;		/* n_items + 1 */
	uint32_t   *customers;
	float	   *item_values;	/* of the same entries, by item */
	int64_t		newest;			/* time of the newest row, 0 without times */

	/* From names to numbers of the matrix and back, and where texts are */
	bool		owns_numbers;
	const Names *customer_names;
	const Names *item_names;
	uint32_t   *customer_number;	/* of each name */
	uint32_t   *item_number;
	uint32_t   *customer_id;	/* the name of each number */
	uint32_t   *item_id;

	/* Categories of items by number, NAME_NONE: none; NULL without any */
	const Names *category_names;
	uint32_t   *category;
} Matrix;

typedef struct MatrixOptions
{
	double		half_life;		/* in microseconds; 0 means no decay */
	const uint8_t *leave_out;	/* for each row; NULL takes all */
	const Matrix *numbered_like;	/* whose numbers to take; NULL makes them */
	bool		end_rows;		/* let go of the rows when they are read */
} MatrixOptions;

/*
 * The matrix of the rows.  One that takes the numbers of another must be of
 * the same names, as many as there were then.  False: out of memory.
 */
extern bool matrix_build(const Memory *memory, Interactions *rows,
						 const MatrixOptions *options, Matrix *matrix);
extern void matrix_end(Matrix *matrix);

/*
 * The same without what is beyond the cap in the lists of customers that have
 * more items: the latest stay, or without times those drawn by a hash of the
 * texts.  Numbers are the same; so those of items may not fall by customers
 * any more.  False and true as above; *capped is empty where nobody has more.
 */
extern bool matrix_cap(const Memory *memory, const Matrix *matrix, uint32_t cap,
					   bool *is_capped, Matrix *capped);

/* Memory that matrix_build takes at most beside the rows, in bytes. */
extern uint64_t matrix_need(const Interactions *rows, const MatrixOptions *options);

static inline NameText
matrix_item_name(const Matrix *matrix, uint32_t item)
{
	return names_text(matrix->item_names, matrix->item_id[item]);
}

static inline NameText
matrix_customer_name(const Matrix *matrix, uint32_t customer)
{
	return names_text(matrix->customer_names, matrix->customer_id[customer]);
}

/* How many customers had the item, and items the customer */
static inline uint32_t
matrix_support(const Matrix *matrix, uint32_t item)
{
	return (uint32_t) (matrix->item_start[item + 1] - matrix->item_start[item]);
}

static inline uint32_t
matrix_basket(const Matrix *matrix, uint32_t customer)
{
	return (uint32_t) (matrix->customer_start[customer + 1] - matrix->customer_start[customer]);
}

#endif							/* PROMO_MATRIX_H */

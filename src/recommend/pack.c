/*-------------------------------------------------------------------------
 *
 * pack.c
 *	  A built recommender as pieces of bytes, each read on its own.
 *
 *-------------------------------------------------------------------------
 */
#include "recommend/pack.h"

#include <math.h>
#include <string.h>

#include "core/wire.h"
#include "recommend/knn.h"

/* The first word of each kind; its bytes the other way round are no kind's. */
#define CATALOG_WORD UINT32_C(0x31435250)
#define LISTS_WORD UINT32_C(0x314c5250)
#define HISTORIES_WORD UINT32_C(0x31485250)

typedef struct CatalogHead
{
	uint32_t	word;
	uint32_t	n_items;
	uint32_t	n_customers;
	uint32_t	n_categories;
	uint32_t	names_size;
	uint32_t	categories_size;
	uint32_t	method;
	uint32_t	neighbors;
	uint32_t	has_events;
	uint32_t	has_times;
	double		shrink;
	double		event_weight;
	int64_t		newest;
} CatalogHead;

typedef enum ListsKind
{
	LISTS_OF_ITEMS,
	LISTS_OF_CUSTOMERS,
	LISTS_OF_WEIGHED_CUSTOMERS
} ListsKind;

typedef struct ListsHead
{
	uint32_t	word;
	uint32_t	kind;
	uint32_t	piece;
	uint32_t	count;
} ListsHead;

/* Before the entries of histories: word, columns, customers */
#define HISTORIES_HEAD 9

/* What entries have beside the item */
#define COLUMN_AMOUNT 1
#define COLUMN_VALUE 2
#define VALUE_IS_AMOUNT 4
#define COLUMN_TIME 8
#define COLUMNS_KNOWN 15

/*
 * The catalog
 */

/* Where the arrays are, given the numbers of the head; false: too large. */
static bool
catalog_layout(Catalog *catalog, const CatalogHead *head, const char *bytes, uint64_t *size)
{
	uint64_t	pieces = pack_pieces(head->n_customers, PACK_CUSTOMERS);
	uint64_t	items = head->n_items;
	uint64_t	customers = head->method == RECOMMEND_USER_KNN ? head->n_customers : 0;
	uint64_t	at = sizeof(CatalogHead);

	catalog->method = (RecommendMethod) head->method;
	catalog->has_events = head->has_events != 0;
	catalog->has_times = head->has_times != 0;
	catalog->neighbors = head->neighbors;
	catalog->shrink = head->shrink;
	catalog->event_weight = head->event_weight;
	catalog->newest = head->newest;
	catalog->n_items = head->n_items;
	catalog->n_customers = head->n_customers;
	catalog->n_categories = head->n_categories;
	catalog->first_customer = (const int64_t *) (bytes + at);
	at += pieces * sizeof(int64_t);
	catalog->name_end = (const uint32_t *) (bytes + at);
	at += items * sizeof(uint32_t);
	catalog->by_name = (const uint32_t *) (bytes + at);
	at += items * sizeof(uint32_t);
	catalog->support = (const uint32_t *) (bytes + at);
	at += items * sizeof(uint32_t);
	catalog->recent = head->has_times ? (const uint32_t *) (bytes + at) : NULL;
	at += head->has_times ? items * sizeof(uint32_t) : 0;
	catalog->category = head->n_categories > 0 ? (const uint32_t *) (bytes + at) : NULL;
	at += head->n_categories > 0 ? items * sizeof(uint32_t) : 0;
	catalog->category_end = (const uint32_t *) (bytes + at);
	at += (uint64_t) head->n_categories * sizeof(uint32_t);
	catalog->place = customers > 0 ? (const uint32_t *) (bytes + at) : NULL;
	at += customers * sizeof(uint32_t);
	catalog->norm = customers > 0 ? (const float *) (bytes + at) : NULL;
	at += customers * sizeof(float);
	catalog->names = bytes + at;
	at += head->names_size;
	catalog->categories = bytes + at;
	at += head->categories_size;
	*size = at;
	return at <= SIZE_MAX;
}

uint32_t
catalog_find(const Catalog *catalog, const char *data, uint32_t size)
{
	NameText		wanted = {data, size};
	uint32_t	low = 0;
	uint32_t	high = catalog->n_items;

	while (low < high)
	{
		uint32_t	middle = low + (high - low) / 2;
		uint32_t	item = catalog->by_name[middle];
		int			order = name_compare(catalog_name(catalog, item), wanted);

		if (order == 0)
			return item;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NAME_NONE;
}

bool
catalog_find_piece(const Catalog *catalog, int64_t customer, uint32_t *piece)
{
	uint32_t	low = 0;
	uint32_t	high = pack_pieces(catalog->n_customers, PACK_CUSTOMERS);

	/* The last that begins at or before the customer */
	while (low < high)
	{
		uint32_t	middle = low + (high - low) / 2;

		if (catalog->first_customer[middle] <= customer)
			low = middle + 1;
		else
			high = middle;
	}
	*piece = low - 1;
	return low > 0;
}

/* How many customers had each item at or after since */
static void
count_recent(const Matrix *matrix, int64_t since, uint32_t *recent)
{
	uint64_t	at;

	memset(recent, 0, matrix->n_items * sizeof(uint32_t));
	for (at = 0; at < matrix->n_entries; at++)
		recent[matrix->items[at]] += matrix->last_at[at] >= since;
}

/* The place and the norm of each customer by number */
static void
place_customers(const Matrix *matrix, const uint32_t *order, uint32_t *place, float *norm)
{
	uint32_t	i;

	for (i = 0; i < matrix->n_customers; i++)
	{
		uint64_t	start = matrix->customer_start[i];

		place[order[i]] = i;
		norm[i] = knn_norm(matrix->values == NULL ? NULL : matrix->values + start,
						   matrix_basket(matrix, i));
	}
}

bool
catalog_pack(const Memory *memory, const RecommendModel *model, int64_t since,
			 const uint32_t *order, const int64_t *customer_ids, char **bytes, size_t *size)
{
	const Matrix *matrix = model->matrix;
	CatalogHead head;
	const Names *categories = matrix->category_names;
	uint64_t	names_size = 0;
	uint64_t	categories_size = 0;
	uint64_t	all;
	uint32_t   *by_text;
	uint32_t	pieces = pack_pieces(matrix->n_customers, PACK_CUSTOMERS);
	uint32_t	i;
	Catalog		catalog;

	*bytes = NULL;
	memset(&head, 0, sizeof(head));
	head.word = CATALOG_WORD;
	head.n_items = matrix->n_items;
	head.n_customers = matrix->n_customers;
	head.method = model->options.method;
	head.neighbors = model->options.neighbors;
	head.has_events = model->events != NULL;
	head.has_times = matrix->last_at != NULL;
	head.shrink = model->options.shrink;
	head.event_weight = model->options.event_weight;
	head.newest = matrix->newest;
	for (i = 0; i < matrix->n_items; i++)
		names_size += matrix_item_name(matrix, i).size;
	if (categories != NULL)
	{
		head.n_categories = matrix->category == NULL ? 0 : categories->count;
		for (i = 0; i < categories->count; i++)
			categories_size += names_text(categories, i).size;
	}
	if (names_size > UINT32_MAX || categories_size > UINT32_MAX)
		return false;
	head.names_size = (uint32_t) names_size;
	head.categories_size = (uint32_t) categories_size;
	if (!catalog_layout(&catalog, &head, NULL, &all))
		return false;
	by_text = memory_array(memory, matrix->n_items, sizeof(uint32_t));
	*bytes = memory->alloc(memory->arg, all);
	if (*bytes == NULL || by_text == NULL || !names_sort(matrix->item_names, by_text))
	{
		memory_release(memory, by_text);
		memory_release(memory, *bytes);
		return false;
	}
	(void) catalog_layout(&catalog, &head, *bytes, &all);
	memcpy(*bytes, &head, sizeof(head));
	for (i = 0; i < pieces; i++)
		((int64_t *) catalog.first_customer)[i] = customer_ids[(size_t) i * PACK_CUSTOMERS];
	for (i = 0, names_size = 0; i < matrix->n_items; i++)
	{
		NameText		name = matrix_item_name(matrix, i);

		memcpy((char *) catalog.names + names_size, name.data, name.size);
		names_size += name.size;
		((uint32_t *) catalog.name_end)[i] = (uint32_t) names_size;
		((uint32_t *) catalog.by_name)[i] = matrix->item_number[by_text[i]];
		((uint32_t *) catalog.support)[i] = matrix_support(matrix, i);
		if (head.n_categories > 0)
			((uint32_t *) catalog.category)[i] = matrix->category[i] == NAME_NONE ?
				head.n_categories : matrix->category[i];
	}
	if (head.has_times)
		count_recent(matrix, since, (uint32_t *) catalog.recent);
	for (i = 0, categories_size = 0; i < head.n_categories; i++)
	{
		NameText		name = names_text(categories, i);

		memcpy((char *) catalog.categories + categories_size, name.data, name.size);
		categories_size += name.size;
		((uint32_t *) catalog.category_end)[i] = (uint32_t) categories_size;
	}
	if (catalog.place != NULL)
		place_customers(matrix, order, (uint32_t *) catalog.place, (float *) catalog.norm);
	memory_release(memory, by_text);
	*size = (size_t) all;
	return true;
}

/* Do the ends never fall, and end at the size? */
static bool
ends_are_right(const uint32_t *end, uint32_t count, uint64_t size)
{
	uint32_t	i;

	for (i = 1; i < count; i++)
		if (end[i] < end[i - 1])
			return false;
	return count == 0 ? size == 0 : end[count - 1] == size;
}

static bool
all_below(const uint32_t *numbers, uint64_t count, uint32_t limit)
{
	uint32_t	most = 0;
	uint64_t	i;

	for (i = 0; i < count; i++)
		most = numbers[i] > most ? numbers[i] : most;
	return count == 0 || most < limit;
}

static bool
all_finite(const float *numbers, uint64_t count)
{
	bool		is_finite = true;
	uint64_t	i;

	for (i = 0; i < count; i++)
		is_finite &= isfinite(numbers[i]) != 0;
	return is_finite;
}

bool
catalog_open(Catalog *catalog, const void *bytes, size_t size)
{
	CatalogHead head;
	uint64_t	wanted;
	uint32_t	i;

	if (size < sizeof(head))
		return false;
	memcpy(&head, bytes, sizeof(head));
	if (head.word != CATALOG_WORD || head.n_items > INT32_MAX || head.n_customers > INT32_MAX ||
		head.n_categories > INT32_MAX || head.method >= RECOMMEND_METHODS ||
		head.neighbors > RECOMMEND_MAX_NEIGHBORS || !isfinite(head.shrink) ||
		!isfinite(head.event_weight))
		return false;
	if (!catalog_layout(catalog, &head, bytes, &wanted) || wanted != size)
		return false;
	if (!ends_are_right(catalog->name_end, head.n_items, head.names_size) ||
		!ends_are_right(catalog->category_end, head.n_categories, head.categories_size) ||
		!all_below(catalog->by_name, head.n_items, head.n_items) ||
		(head.n_categories > 0 &&
		 !all_below(catalog->category, head.n_items, head.n_categories + 1)))
		return false;
	if (catalog->place != NULL && (!all_below(catalog->place, head.n_customers, head.n_customers) ||
								   !all_finite(catalog->norm, head.n_customers)))
		return false;
	for (i = 1; i < pack_pieces(head.n_customers, PACK_CUSTOMERS); i++)
		if (catalog->first_customer[i] <= catalog->first_customer[i - 1])
			return false;
	return true;
}

/*
 * Lists
 */

static uint32_t
items_of_piece(uint32_t n_items, uint32_t piece)
{
	uint32_t	first = piece * PACK_ITEMS;

	return n_items - first < PACK_ITEMS ? n_items - first : PACK_ITEMS;
}

static size_t
size_of_lists(uint32_t count, uint64_t all, bool has_scores)
{
	return sizeof(ListsHead) + count * sizeof(uint32_t) +
		(size_t) all * (sizeof(uint32_t) + (has_scores ? sizeof(float) : 0));
}

size_t
lists_size(const NeighborLists *lists, uint32_t piece)
{
	uint32_t	first = piece * PACK_ITEMS;
	uint32_t	count = items_of_piece(lists->n_items, piece);

	return size_of_lists(count, lists->start[first + count] - lists->start[first], true);
}

/* Writes head and ends, and gives the place after them. */
static uint32_t *
start_piece(void *bytes, ListsKind kind, uint32_t piece, uint32_t count, const uint64_t *start)
{
	ListsHead  *head = bytes;
	uint32_t   *at = (uint32_t *) (head + 1);
	uint32_t	i;

	head->word = LISTS_WORD;
	head->kind = kind;
	head->piece = piece;
	head->count = count;
	for (i = 0; i < count; i++)
		*at++ = (uint32_t) (start[i + 1] - start[0]);
	return at;
}

void
lists_pack(const NeighborLists *lists, uint32_t piece, void *bytes)
{
	uint32_t	first = piece * PACK_ITEMS;
	uint32_t	count = items_of_piece(lists->n_items, piece);
	uint64_t	begin = lists->start[first];
	uint64_t	all = lists->start[first + count] - begin;
	uint32_t   *at = start_piece(bytes, LISTS_OF_ITEMS, piece, count, lists->start + first);

	/* Of no items there may be no arrays either. */
	if (all == 0)
		return;
	memcpy(at, lists->item + begin, all * sizeof(uint32_t));
	memcpy(at + all, lists->score + begin, all * sizeof(float));
}

size_t
item_customers_size(const Matrix *matrix, uint32_t piece)
{
	uint32_t	first = piece * PACK_ITEMS;
	uint32_t	count = items_of_piece(matrix->n_items, piece);

	return size_of_lists(count, matrix->item_start[first + count] - matrix->item_start[first],
						 matrix->item_values != NULL);
}

void
item_customers_pack(const Matrix *matrix, uint32_t piece, void *bytes)
{
	uint32_t	first = piece * PACK_ITEMS;
	uint32_t	count = items_of_piece(matrix->n_items, piece);
	uint64_t	begin = matrix->item_start[first];
	uint64_t	all = matrix->item_start[first + count] - begin;
	uint32_t   *at = start_piece(bytes, matrix->item_values == NULL ? LISTS_OF_CUSTOMERS :
								 LISTS_OF_WEIGHED_CUSTOMERS, piece, count,
								 matrix->item_start + first);

	if (all == 0)
		return;
	memcpy(at, matrix->customers + begin, all * sizeof(uint32_t));
	if (matrix->item_values != NULL)
		memcpy(at + all, matrix->item_values + begin, all * sizeof(float));
}

bool
lists_open(PackedLists *lists, PackKind kind, uint32_t piece, const Catalog *catalog,
		   const void *bytes, size_t size)
{
	bool		has_customers = kind == PACK_ITEM_CUSTOMERS;
	bool		has_scores;
	ListsHead	head;
	uint64_t	all;

	if (size < sizeof(head))
		return false;
	memcpy(&head, bytes, sizeof(head));
	has_scores = head.kind != LISTS_OF_CUSTOMERS;
	if (head.word != LISTS_WORD || head.kind > LISTS_OF_WEIGHED_CUSTOMERS ||
		(head.kind != LISTS_OF_ITEMS) != has_customers || head.piece != piece ||
		piece >= pack_pieces(catalog->n_items, PACK_ITEMS) ||
		head.count != items_of_piece(catalog->n_items, piece) ||
		size < size_of_lists(head.count, 0, has_scores))
		return false;
	lists->count = head.count;
	lists->end = (const uint32_t *) ((const char *) bytes + sizeof(head));
	all = lists->end[head.count - 1];
	if (!ends_are_right(lists->end, head.count, all) ||
		size != size_of_lists(head.count, all, has_scores))
		return false;
	lists->item = lists->end + head.count;
	lists->score = has_scores ? (const float *) (lists->item + all) : NULL;
	return all_below(lists->item, all, has_customers ? catalog->n_customers : catalog->n_items) &&
		(!has_scores || all_finite(lists->score, all));
}

/*
 * Histories: all numbers little endian, entries by rising item as varints: the
 * items left out since the entry before, then the columns.  A number that is
 * whole and small is twice it, any other a 1 and four bytes; a time is the
 * microseconds since that of the entry before.
 */

#define WHOLE_MOST 16777216.0f

/* Bytes that an entry takes at most */
#define ENTRY_MOST (5 + 5 + 5 + 10)

static unsigned char *
put_number(unsigned char *at, float number)
{
	uint32_t	bits;

	if (number >= 0 && number <= WHOLE_MOST && number == floorf(number))
		return wire_write_varint(at, (uint64_t) number << 1);
	memcpy(&bits, &number, sizeof(bits));
	*at++ = 1;
	return wire_write_u32(at, bits);
}

static float
get_number(WireReader *reader)
{
	uint64_t	number = wire_read_varint(reader);
	uint32_t	bits;
	float		value;

	if ((number & 1) == 0)
	{
		if (number >> 1 > (uint64_t) WHOLE_MOST)
			reader->failed = true;
		return reader->failed ? 0 : (float) (number >> 1);
	}
	bits = wire_read_u32(reader);
	memcpy(&value, &bits, sizeof(value));
	if (number != 1 || !isfinite(value))
		reader->failed = true;
	return reader->failed ? 0 : value;
}

static uint8_t
columns_of(const Matrix *matrix)
{
	uint8_t		columns = 0;

	if (matrix->amounts != NULL)
		columns |= COLUMN_AMOUNT;
	if (matrix->values != NULL)
		columns |= matrix->values == matrix->amounts ? VALUE_IS_AMOUNT : COLUMN_VALUE;
	if (matrix->last_at != NULL)
		columns |= COLUMN_TIME;
	return columns;
}

static uint32_t
customers_of_piece(uint32_t n_customers, uint32_t piece)
{
	uint32_t	first = piece * PACK_CUSTOMERS;

	return n_customers - first < PACK_CUSTOMERS ? n_customers - first : PACK_CUSTOMERS;
}

static size_t
histories_head(uint32_t count)
{
	return HISTORIES_HEAD + (size_t) count * (sizeof(uint64_t) + sizeof(uint32_t));
}

size_t
histories_most(const Matrix *matrix, const uint32_t *order, uint32_t piece)
{
	uint32_t	count = customers_of_piece(matrix->n_customers, piece);
	uint64_t	entries = 0;
	uint32_t	i;

	for (i = 0; i < count; i++)
		entries += matrix_basket(matrix, order[piece * PACK_CUSTOMERS + i]);
	return histories_head(count) + (size_t) entries * ENTRY_MOST;
}

/* Writes all before the entries but the ends, and gives where those are. */
static unsigned char *
put_head(unsigned char *at, uint8_t columns, uint32_t count)
{
	at = wire_write_u32(at, HISTORIES_WORD);
	*at++ = columns;
	return wire_write_u32(at, count);
}

static unsigned char *
put_entries(unsigned char *at, const Matrix *matrix, uint8_t columns, uint32_t customer)
{
	uint32_t	next = 0;
	int64_t		before = 0;
	uint64_t	i;

	for (i = matrix->customer_start[customer]; i < matrix->customer_start[customer + 1]; i++)
	{
		at = wire_write_varint(at, matrix->items[i] - next);
		next = matrix->items[i] + 1;
		if (columns & COLUMN_AMOUNT)
			at = put_number(at, matrix->amounts[i]);
		if (columns & COLUMN_VALUE)
			at = put_number(at, matrix->values[i]);
		if (columns & COLUMN_TIME)
		{
			at = wire_write_varint(at, wire_zigzag((int64_t) ((uint64_t) matrix->last_at[i] -
															  (uint64_t) before)));
			before = matrix->last_at[i];
		}
	}
	return at;
}

size_t
histories_pack(const Matrix *matrix, const uint32_t *order, const int64_t *customer_ids,
			   uint32_t piece, void *bytes)
{
	uint32_t	first = piece * PACK_CUSTOMERS;
	uint32_t	count = customers_of_piece(matrix->n_customers, piece);
	uint8_t		columns = columns_of(matrix);
	unsigned char *at = put_head(bytes, columns, count);
	unsigned char *ends;
	unsigned char *entries = (unsigned char *) bytes + histories_head(count);
	uint32_t	i;

	for (i = 0; i < count; i++)
		at = wire_write_u64(at, (uint64_t) customer_ids[first + i]);
	ends = at;
	at = entries;
	for (i = 0; i < count; i++)
	{
		at = put_entries(at, matrix, columns, order[first + i]);
		ends = wire_write_u32(ends, (uint32_t) (at - entries));
	}
	return (size_t) (at - (unsigned char *) bytes);
}

/* The next entry; item is one more than the last one's. */
static bool
get_entry(WireReader *reader, uint8_t columns, uint32_t n_items, uint32_t *item,
		  float *amount, float *value, int64_t *at)
{
	uint64_t	gap = wire_read_varint(reader);

	if (reader->failed || *item >= n_items || gap >= n_items - *item)
		return false;
	*item += (uint32_t) gap;
	*amount = columns & COLUMN_AMOUNT ? get_number(reader) : 1;
	*value = columns & COLUMN_VALUE ? get_number(reader) :
		columns & VALUE_IS_AMOUNT ? *amount : 1;
	if (columns & COLUMN_TIME)
		*at = (int64_t) ((uint64_t) *at + (uint64_t) wire_unzigzag(wire_read_varint(reader)));
	return !reader->failed;
}

static uint32_t
number_at(const unsigned char *place)
{
	WireReader	reader;

	wire_reader_start(&reader, place, sizeof(uint32_t));
	return wire_read_u32(&reader);
}

/* The entries of a customer */
static void
start_entries(const PackedHistories *histories, uint32_t place, WireReader *reader)
{
	uint32_t	begin = place == 0 ? 0 :
		number_at(histories->ends + (size_t) (place - 1) * sizeof(uint32_t));
	uint32_t	end = number_at(histories->ends + (size_t) place * sizeof(uint32_t));

	wire_reader_start(reader, histories->entries + begin, end - begin);
}

bool
histories_open(PackedHistories *histories, uint32_t n_items, const void *bytes, size_t size)
{
	WireReader	reader;
	uint32_t	word;
	uint32_t	end = 0;
	uint32_t	place;

	memset(histories, 0, sizeof(*histories));
	wire_reader_start(&reader, bytes, size);
	word = wire_read_u32(&reader);
	histories->columns = wire_read_u8(&reader);
	histories->count = wire_read_u32(&reader);
	if (reader.failed || word != HISTORIES_WORD || histories->columns > COLUMNS_KNOWN ||
		histories->count > PACK_CUSTOMERS)
		return false;
	histories->ids = wire_read_bytes(&reader, histories->count * sizeof(uint64_t));
	histories->ends = wire_read_bytes(&reader, histories->count * sizeof(uint32_t));
	if (reader.failed)
		return false;
	histories->size = wire_left(&reader);
	histories->entries = wire_read_bytes(&reader, histories->size);
	for (place = 0; place < histories->count; place++)
	{
		uint32_t	next = number_at(histories->ends + (size_t) place * sizeof(uint32_t));

		if (next < end || next > histories->size)
			return false;
		end = next;
	}
	if (end != histories->size)
		return false;
	for (place = 0; place < histories->count; place++)
	{
		uint32_t	count = 0;
		uint32_t	item = 0;
		float		amount;
		float		value;
		int64_t		at = 0;

		start_entries(histories, place, &reader);
		while (wire_left(&reader) > 0)
		{
			if (!get_entry(&reader, histories->columns, n_items, &item, &amount, &value, &at))
				return false;
			item++;
			count++;
		}
		histories->most = count > histories->most ? count : histories->most;
	}
	return true;
}

int64_t
histories_id(const PackedHistories *histories, uint32_t place)
{
	WireReader	reader;

	wire_reader_start(&reader, histories->ids + (size_t) place * sizeof(uint64_t), sizeof(uint64_t));
	return (int64_t) wire_read_u64(&reader);
}

bool
histories_find(const PackedHistories *histories, int64_t customer, uint32_t *place)
{
	for (*place = 0; *place < histories->count; (*place)++)
		if (customer != 0 && histories_id(histories, *place) == customer)
			return true;
	return false;
}

void
histories_read(const PackedHistories *histories, uint32_t place, History *history)
{
	WireReader	reader;
	uint32_t	item = 0;
	int64_t		at = 0;

	start_entries(histories, place, &reader);
	history->count = 0;
	history->has_times = (histories->columns & COLUMN_TIME) != 0;
	while (wire_left(&reader) > 0 &&
		   get_entry(&reader, histories->columns, UINT32_MAX, &item,
					 &history->amount[history->count], &history->value[history->count], &at))
	{
		history->item[history->count] = item++;
		history->last_at[history->count] = at;
		history->count++;
	}
}

size_t
histories_forget(const PackedHistories *histories, uint32_t place, void *bytes)
{
	unsigned char *at = put_head(bytes, histories->columns, histories->count);
	uint32_t	begin = place == 0 ? 0 :
		number_at(histories->ends + (size_t) (place - 1) * sizeof(uint32_t));
	uint32_t	end = number_at(histories->ends + (size_t) place * sizeof(uint32_t));
	uint32_t	i;

	for (i = 0; i < histories->count; i++)
		at = wire_write_u64(at, i == place ? 0 : (uint64_t) histories_id(histories, i));
	for (i = 0; i < histories->count; i++)
	{
		uint32_t	old = number_at(histories->ends + (size_t) i * sizeof(uint32_t));

		at = wire_write_u32(at, i < place ? old : old - (end - begin));
	}
	memcpy(at, histories->entries, begin);
	at += begin;
	memcpy(at, histories->entries + end, histories->size - end);
	return (size_t) (at - (unsigned char *) bytes) + histories->size - end;
}

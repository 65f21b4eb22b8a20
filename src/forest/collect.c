/*-------------------------------------------------------------------------
 *
 * collect.c
 *	  Rows on their way to a training: columns that grow.
 *
 *-------------------------------------------------------------------------
 */
#include "forest/collect.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"

#define FIRST_ROOM 64
#define FIRST_SLOTS 16

/* Written first: "PRC" and the version; of another value on a machine of
 * another byte order. */
#define COLLECTION_MARK UINT32_C(0x50524301)

/* A name is written as its size in a word and its bytes, up to this size. */
#define NAME_MOST (UINT32_C(1) << 30)

static bool
copy_text(const Memory *memory, ForestText text, ForestText *copy)
{
	char	   *data = memory->alloc(memory->arg, (size_t) text.size + 1);

	if (data == NULL)
		return false;
	if (text.size > 0)
		memcpy(data, text.data, text.size);
	data[text.size] = '\0';
	copy->data = data;
	copy->size = text.size;
	return true;
}

static inline bool
text_equal(ForestText a, ForestText b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static size_t
value_size(const CollectColumn *column)
{
	return column->kind == FOREST_NUMBER ? sizeof(double) : sizeof(int32_t);
}

static uint64_t
row_size(const Collection *collection)
{
	uint64_t	size = 0;
	int32_t		i;

	for (i = 0; i <= collection->columns; i++)
		size += value_size(&collection->column[i]);
	return size;
}

static int64_t
next_room(int64_t room)
{
	if (room == 0)
		return FIRST_ROOM;
	return room < 65536 ? room * 2 : room + room / 2;
}

/* While a column moves it is there twice.  Rows that go to a file are not. */
static void
foresee(Collection *collection)
{
	if (collection->file != NULL && collection->written > 0)
	{
		collection->next_bytes = collection->bytes;
		return;
	}
	collection->next_bytes = collection->bytes +
		(uint64_t) (next_room(collection->room) - collection->room) * row_size(collection) +
		(uint64_t) collection->room * sizeof(double);
}

Collection *
collect_start(const Memory *memory, int32_t columns)
{
	Collection *collection = memory_zero_array(memory, 1, sizeof(Collection));

	if (collection == NULL)
		return NULL;
	collection->columns = columns;
	collection->column = memory_zero_array(memory, (size_t) columns + 1,
										   sizeof(CollectColumn));
	if (collection->column == NULL)
	{
		memory_release(memory, collection);
		return NULL;
	}
	collection->bytes = sizeof(Collection) +
		((uint64_t) columns + 1) * sizeof(CollectColumn);
	return collection;
}

bool
collect_describe(const Memory *memory, Collection *collection, int32_t column,
				 ForestText name, ForestKind kind, uint8_t source)
{
	CollectColumn *described = &collection->column[column];

	described->kind = kind;
	described->source = source;
	if (!copy_text(memory, name, &described->name))
		return false;
	foresee(collection);
	return true;
}

int32_t
collect_find(const Collection *collection, ForestText name)
{
	int32_t		i;

	for (i = 0; i < collection->columns; i++)
		if (text_equal(collection->column[i].name, name))
			return i;
	return -1;
}

static bool
grow_to(const Memory *memory, Collection *collection, int64_t room)
{
	int32_t		i;

	for (i = 0; i <= collection->columns; i++)
	{
		CollectColumn *column = &collection->column[i];
		void	   *values = column->kind == FOREST_NUMBER ?
			(void *) column->numbers : (void *) column->codes;

		values = memory_grow(memory, values, (size_t) collect_next(collection),
							 (size_t) room, value_size(column));
		if (values == NULL)
			return false;
		if (column->kind == FOREST_NUMBER)
			column->numbers = values;
		else
			column->codes = values;
	}
	collection->bytes += (uint64_t) (room - collection->room) * row_size(collection);
	collection->room = room;
	foresee(collection);
	return true;
}

static const void *
values_of(const CollectColumn *column)
{
	return column->kind == FOREST_NUMBER ? (const void *) column->numbers :
		(const void *) column->codes;
}

/* All rows in memory make a chunk of the file. */
static void
write_chunk(Collection *collection)
{
	int32_t		i;

	collection->chunk = collection->room;
	for (i = 0; i <= collection->columns; i++)
		collection->file->append(collection->file->arg, values_of(&collection->column[i]),
								 value_size(&collection->column[i]) * (size_t) collection->chunk);
	collection->written += collection->chunk;
	foresee(collection);
}

bool
collect_grow(const Memory *memory, Collection *collection)
{
	int64_t		room = next_room(collection->room);

	if (collection->file != NULL && collection->room > 0 &&
		(collection->written > 0 ||
		 (uint64_t) room * row_size(collection) > collection->file->bytes_at_hand))
	{
		write_chunk(collection);
		return true;
	}
	return grow_to(memory, collection, room);
}

/* Doubles the slots, and room for names along with them. */
static bool
grow_names(const Memory *memory, Collection *collection, Names *names)
{
	uint32_t	slots = names->slots == 0 ? FIRST_SLOTS : names->slots * 2;
	int32_t		room = (int32_t) (slots / 4 * 3);
	int32_t    *slot = memory_zero_array(memory, slots, sizeof(int32_t));
	ForestText *name;
	uint32_t   *hash;
	int32_t		i;

	if (slot == NULL)
		return false;
	name = memory_grow(memory, names->name, (size_t) names->count,
					   (size_t) room, sizeof(ForestText));
	if (name != NULL)
		names->name = name;
	hash = memory_grow(memory, names->hash, (size_t) names->count,
					   (size_t) room, sizeof(uint32_t));
	if (hash != NULL)
		names->hash = hash;
	if (name == NULL || hash == NULL)
	{
		memory_release(memory, slot);
		return false;
	}
	for (i = 0; i < names->count; i++)
	{
		uint32_t	at = names->hash[i] & (slots - 1);

		while (slot[at] != 0)
			at = (at + 1) & (slots - 1);
		slot[at] = i + 1;
	}
	memory_release(memory, names->slot);
	collection->bytes += (uint64_t) (room - names->room) * (sizeof(ForestText) + sizeof(uint32_t)) +
		(uint64_t) (slots - names->slots) * sizeof(int32_t);
	names->slot = slot;
	names->slots = slots;
	names->room = room;
	foresee(collection);
	return true;
}

bool
collect_code(const Memory *memory, Collection *collection,
			 CollectColumn *column, ForestText name, int32_t *code)
{
	Names	   *names = &column->names;
	uint32_t	hash = (uint32_t) hash_keyed(name.data, name.size, 0, 0);
	uint32_t	at = 0;

	if (names->slots > 0)
	{
		for (at = hash & (names->slots - 1); names->slot[at] != 0;
			 at = (at + 1) & (names->slots - 1))
		{
			int32_t		found = names->slot[at] - 1;

			if (names->hash[found] == hash && text_equal(names->name[found], name))
			{
				*code = found;
				return true;
			}
		}
	}
	if (names->count == names->room)
	{
		if (names->slots > INT32_MAX / 2 || !grow_names(memory, collection, names))
			return false;
		for (at = hash & (names->slots - 1); names->slot[at] != 0;
			 at = (at + 1) & (names->slots - 1))
			;
	}
	if (!copy_text(memory, name, &names->name[names->count]))
		return false;
	names->hash[names->count] = hash;
	names->slot[at] = names->count + 1;
	*code = names->count++;
	collection->bytes += name.size + 32;
	collection->next_bytes += name.size + 32;
	return true;
}

bool
collect_merge(const Memory *memory, Collection *collection,
			  const Collection *other, bool *same)
{
	int64_t		rows = collection->rows + other->rows;
	int64_t		row;
	int32_t		i;

	*same = collection->columns == other->columns;
	for (i = 0; *same && i <= other->columns; i++)
	{
		const CollectColumn *to = &collection->column[i];
		const CollectColumn *from = &other->column[i];

		*same = text_equal(to->name, from->name) && to->kind == from->kind &&
			to->source == from->source;
	}
	if (!*same)
		return true;
	if (rows > collection->room && !grow_to(memory, collection, rows))
		return false;
	for (i = 0; i <= other->columns; i++)
	{
		CollectColumn *to = &collection->column[i];
		const CollectColumn *from = &other->column[i];
		int32_t    *codes;

		if (other->rows == 0)
			continue;
		if (to->kind == FOREST_NUMBER)
		{
			memcpy(to->numbers + collection->rows, from->numbers,
				   sizeof(double) * (size_t) other->rows);
			continue;
		}
		codes = memory_array(memory, (size_t) from->names.count + 1, sizeof(int32_t));
		if (codes == NULL)
			return false;
		for (row = 0; row < from->names.count; row++)
			if (!collect_code(memory, collection, to, from->names.name[row], &codes[row]))
			{
				memory_release(memory, codes);
				return false;
			}
		for (row = 0; row < other->rows; row++)
		{
			int32_t		code = from->codes[row];

			to->codes[collection->rows + row] = code < 0 ? -1 : codes[code];
		}
		memory_release(memory, codes);
	}
	collection->rows = rows;
	return true;
}

size_t
collect_size(const Collection *collection)
{
	size_t		size = 4 + 8 + 4;
	int32_t		i;
	int32_t		name;

	for (i = 0; i <= collection->columns; i++)
	{
		const CollectColumn *column = &collection->column[i];

		size += 4 + column->name.size + 4 + 4;
		for (name = 0; name < column->names.count; name++)
			size += 4 + column->names.name[name].size;
		size += value_size(column) * (size_t) collection->rows;
	}
	return size;
}

static unsigned char *
write_text(unsigned char *at, ForestText text)
{
	at = wire_write_u32(at, text.size);
	if (text.size > 0)
		memcpy(at, text.data, text.size);
	return at + text.size;
}

/* The columns' values are written as they lie in memory: the bytes go to
 * another process of the same server. */
void
collect_write(const Collection *collection, unsigned char *bytes)
{
	unsigned char *at = bytes;
	int32_t		i;
	int32_t		name;

	at = wire_write_u32(at, COLLECTION_MARK);
	at = wire_write_u64(at, (uint64_t) collection->rows);
	at = wire_write_u32(at, (uint32_t) collection->columns);
	for (i = 0; i <= collection->columns; i++)
	{
		const CollectColumn *column = &collection->column[i];
		size_t		size = value_size(column) * (size_t) collection->rows;

		at = write_text(at, column->name);
		at = wire_write_u32(at, (uint32_t) column->kind | (uint32_t) column->source << 8);
		at = wire_write_u32(at, (uint32_t) column->names.count);
		for (name = 0; name < column->names.count; name++)
			at = write_text(at, column->names.name[name]);
		if (size > 0)
			memcpy(at, column->kind == FOREST_NUMBER ? (const void *) column->numbers :
				   (const void *) column->codes, size);
		at += size;
	}
}

static ForestText
read_text(WireReader *reader)
{
	ForestText	text;

	text.size = wire_read_u32(reader);
	text.data = wire_read_bytes(reader, text.size);
	if (text.data == NULL)
		text.size = 0;
	return text;
}

/* One column; false when the bytes are not right, or memory is missing. */
static bool
read_column(const Memory *memory, Collection *collection, int32_t i,
			int64_t rows, WireReader *reader)
{
	CollectColumn *column = &collection->column[i];
	ForestText	name = read_text(reader);
	uint32_t	kind = wire_read_u32(reader);
	uint32_t	names = wire_read_u32(reader);
	const void *values;
	uint32_t	n;

	if (reader->failed ||
		((kind & 255) != FOREST_NUMBER && (kind & 255) != FOREST_CATEGORY) ||
		!collect_describe(memory, collection, i, name, (ForestKind) (kind & 255),
						  (uint8_t) (kind >> 8)))
		return false;
	for (n = 0; n < names; n++)
	{
		int32_t		code;

		name = read_text(reader);
		if (reader->failed || name.size > NAME_MOST ||
			!collect_code(memory, collection, column, name, &code) ||
			(uint32_t) code != n)
			return false;
	}
	if ((uint64_t) rows > wire_left(reader) / value_size(column))
		return false;
	values = wire_read_bytes(reader, value_size(column) * (size_t) rows);
	if (rows > 0 && column->kind == FOREST_NUMBER)
	{
		column->numbers = memory_array(memory, (size_t) rows, sizeof(double));
		if (column->numbers == NULL)
			return false;
		memcpy(column->numbers, values, sizeof(double) * (size_t) rows);
	}
	else if (rows > 0)
	{
		int64_t		row;

		column->codes = memory_array(memory, (size_t) rows, sizeof(int32_t));
		if (column->codes == NULL)
			return false;
		memcpy(column->codes, values, sizeof(int32_t) * (size_t) rows);
		for (row = 0; row < rows; row++)
			if (column->codes[row] < -1 || column->codes[row] >= column->names.count)
				return false;
	}
	return true;
}

Collection *
collect_read(const Memory *memory, const void *bytes, size_t size)
{
	Collection *collection;
	WireReader	reader;
	uint64_t	rows;
	uint32_t	columns;
	int32_t		i;
	bool		right = true;

	wire_reader_start(&reader, bytes, size);
	if (wire_read_u32(&reader) != COLLECTION_MARK)
		return NULL;
	rows = wire_read_u64(&reader);
	columns = wire_read_u32(&reader);
	if (reader.failed || rows > FOREST_MAX_ROWS || columns > FOREST_MAX_FEATURES)
		return NULL;
	collection = collect_start(memory, (int32_t) columns);
	if (collection == NULL)
		return NULL;
	for (i = 0; right && i <= collection->columns; i++)
		right = read_column(memory, collection, i, (int64_t) rows, &reader);
	if (!right || !wire_reader_done(&reader))
	{
		collect_free(memory, collection);
		return NULL;
	}
	collection->rows = collection->room = (int64_t) rows;
	collection->bytes += (uint64_t) rows * row_size(collection);
	foresee(collection);
	return collection;
}

void
collect_free(const Memory *memory, Collection *collection)
{
	int32_t		i;
	int32_t		name;

	for (i = 0; i <= collection->columns; i++)
	{
		CollectColumn *column = &collection->column[i];

		for (name = 0; name < column->names.count; name++)
			memory_release(memory, (char *) column->names.name[name].data);
		memory_release(memory, column->names.name);
		memory_release(memory, column->names.hash);
		memory_release(memory, column->names.slot);
		memory_release(memory, (char *) column->name.data);
		memory_release(memory, column->numbers);
		memory_release(memory, column->codes);
	}
	memory_release(memory, collection->column);
	memory_release(memory, collection);
}

/* A name and the number it was collected under */
typedef struct SortedName
{
	ForestText	name;
	int32_t		number;
} SortedName;

static int
compare_names(const void *a, const void *b)
{
	ForestText	x = ((const SortedName *) a)->name;
	ForestText	y = ((const SortedName *) b)->name;
	size_t		least = x.size < y.size ? x.size : y.size;
	int			order = least == 0 ? 0 : memcmp(x.data, y.data, least);

	return order != 0 ? order : (x.size > y.size) - (x.size < y.size);
}

/*
 * The column's names in order, and for each code the one by that order, with
 * -1 for -1 before the first.
 */
static bool
sort_names(const Memory *memory, const CollectColumn *column,
		   const ForestText **names, int32_t **ranks)
{
	size_t		count = (size_t) column->names.count;
	SortedName *sorted = memory_array(memory, count + 1, sizeof(SortedName));
	int32_t    *rank = memory_array(memory, count + 1, sizeof(int32_t));
	ForestText *name = memory_array(memory, count + 1, sizeof(ForestText));
	size_t		i;

	if (sorted == NULL || rank == NULL || name == NULL)
	{
		memory_release(memory, sorted);
		memory_release(memory, rank);
		memory_release(memory, name);
		return false;
	}
	for (i = 0; i < count; i++)
		sorted[i] = (SortedName) {column->names.name[i], (int32_t) i};
	qsort(sorted, count, sizeof(SortedName), compare_names);
	rank[0] = -1;
	for (i = 0; i < count; i++)
	{
		name[i] = sorted[i].name;
		rank[sorted[i].number + 1] = (int32_t) i;
	}
	memory_release(memory, sorted);
	*names = name;
	*ranks = rank;
	return true;
}

/* All values of column i, from the file and from memory */
static void
read_values(const Collection *collection, int32_t i, void *values)
{
	const CollectColumn *column = &collection->column[i];
	size_t		size = value_size(column);
	char	   *to = values;
	uint64_t	before = 0;
	int64_t		row;
	int32_t		c;

	for (c = 0; c < i; c++)
		before += value_size(&collection->column[c]) * (uint64_t) collection->chunk;
	for (row = 0; row < collection->written; row += collection->chunk)
	{
		collection->file->read(collection->file->arg,
							   before + (uint64_t) row * row_size(collection), to,
							   size * (size_t) collection->chunk);
		to += size * (size_t) collection->chunk;
	}
	if (collection->rows > collection->written)
		memcpy(to, values_of(column), size * (size_t) collect_next(collection));
}

static void
rank_codes(int32_t *codes, int64_t rows, const int32_t *ranks)
{
	int64_t		row;

	for (row = 0; row < rows; row++)
		codes[row] = ranks[codes[row] + 1];
}

/* Renumbered codes of column i; NULL: no memory */
static int32_t *
ranked_codes(const Memory *memory, const Collection *collection, int32_t i,
			 const int32_t *ranks)
{
	int32_t    *codes = memory_array(memory, (size_t) collection->rows + 1, sizeof(int32_t));

	if (codes != NULL)
	{
		read_values(collection, i, codes);
		rank_codes(codes, collection->rows, ranks);
	}
	return codes;
}

/* The numbers of column i, from the file in memory of their own; NULL: no memory */
static const double *
number_values(const Memory *memory, const Collection *collection, int32_t i)
{
	double	   *numbers;

	if (collection->written == 0)
		return collection->column[i].numbers;
	numbers = memory_array(memory, (size_t) collection->rows, sizeof(double));
	if (numbers != NULL)
		read_values(collection, i, numbers);
	return numbers;
}

/* What brings columns from the file */
typedef struct Bringer
{
	const Collection *collection;
	const ForestColumn *features;
	int32_t   **ranks;			/* of each feature that is a category */
	void	   *buffer;
	int32_t		at_hand;		/* feature in the buffer, or -1 */
	ForestColumn column;
} Bringer;

static const ForestColumn *
bring(void *arg, int32_t feature)
{
	Bringer    *bringer = arg;

	if (bringer->at_hand == feature)
		return &bringer->column;
	read_values(bringer->collection, feature, bringer->buffer);
	bringer->column = bringer->features[feature];
	if (bringer->column.kind == FOREST_NUMBER)
		bringer->column.numbers = bringer->buffer;
	else
	{
		rank_codes(bringer->buffer, bringer->collection->rows, bringer->ranks[feature]);
		bringer->column.codes = bringer->buffer;
	}
	bringer->at_hand = feature;
	return &bringer->column;
}

uint64_t
collect_data_need(const Collection *collection)
{
	const CollectColumn *target = &collection->column[collection->columns];
	uint64_t	need = (uint64_t) collection->columns * sizeof(ForestColumn);
	int32_t		i;

	for (i = 0; i <= collection->columns; i++)
	{
		const CollectColumn *column = &collection->column[i];

		if (column->kind == FOREST_CATEGORY)
			need += (uint64_t) column->names.count * (sizeof(ForestText) + sizeof(int32_t)) +
				(collection->written == 0 ? (uint64_t) collection->rows * sizeof(int32_t) : 0);
	}
	if (collection->written > 0)
		need += (uint64_t) collection->rows * (sizeof(double) + value_size(target) +
											   (collection->has_weights ? sizeof(double) : 0));
	return need;
}

bool
collect_data(const Memory *memory, const Collection *collection, ForestData *data)
{
	size_t		columns = (size_t) collection->columns;
	const CollectColumn *target = &collection->column[columns];
	ForestColumn *features = memory_zero_array(memory, columns + 1, sizeof(ForestColumn));
	Bringer    *bringer = NULL;
	int32_t    *ranks;
	int32_t		i;

	if (features == NULL)
		return false;
	memset(data, 0, sizeof(*data));
	if (collection->written > 0)
	{
		bringer = memory_zero_array(memory, 1, sizeof(Bringer));
		if (bringer == NULL)
			return false;
		bringer->collection = collection;
		bringer->features = features;
		bringer->ranks = memory_zero_array(memory, columns + 1, sizeof(int32_t *));
		bringer->buffer = memory_array(memory, (size_t) collection->rows, sizeof(double));
		bringer->at_hand = -1;
		if (bringer->ranks == NULL || bringer->buffer == NULL)
			return false;
		data->bring = bring;
		data->arg = bringer;
	}
	for (i = 0; i < collection->columns; i++)
	{
		const CollectColumn *column = &collection->column[i];

		features[i].name = column->name;
		features[i].kind = column->kind;
		features[i].source = column->source;
		features[i].n_categories = column->names.count;
		if (column->kind == FOREST_CATEGORY &&
			!sort_names(memory, column, &features[i].categories, &ranks))
			return false;
		if (bringer != NULL && column->kind == FOREST_CATEGORY)
			bringer->ranks[i] = ranks;
		else if (column->kind == FOREST_CATEGORY)
		{
			features[i].codes = ranked_codes(memory, collection, i, ranks);
			memory_release(memory, ranks);
			if (features[i].codes == NULL)
				return false;
		}
		else if (bringer == NULL)
			features[i].numbers = column->numbers;
	}
	data->n_rows = collection->rows;
	data->n_features = collection->columns - collection->has_weights;
	data->features = features;
	if (collection->has_weights)
	{
		data->weights = number_values(memory, collection, data->n_features);
		if (data->weights == NULL)
			return false;
	}
	data->target_source = target->source;
	if (target->kind == FOREST_CATEGORY)
	{
		data->n_classes = target->names.count;
		if (!sort_names(memory, target, &data->class_names, &ranks))
			return false;
		data->classes = ranked_codes(memory, collection, collection->columns, ranks);
		memory_release(memory, ranks);
		return data->classes != NULL;
	}
	data->target = number_values(memory, collection, collection->columns);
	return data->target != NULL;
}

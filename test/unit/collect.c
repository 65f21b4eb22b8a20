/*-------------------------------------------------------------------------
 *
 * collect.c
 *	  Columns that grow, merge, and go through bytes.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "forest/collect.h"

static ForestText
text(const char *data)
{
	ForestText	made = {data, (uint32_t) strlen(data)};

	return made;
}

static Collection *
started(void)
{
	Collection *collection = collect_start(&memory_plain, 2);

	CHECK(collect_describe(&memory_plain, collection, 0, text("x"), FOREST_NUMBER, 1));
	CHECK(collect_describe(&memory_plain, collection, 1, text("c"), FOREST_CATEGORY, 3));
	CHECK(collect_describe(&memory_plain, collection, 2, text(""), FOREST_CATEGORY, 3));
	return collection;
}

/* Row i has the number i, a category of i % 37 (every tenth NULL), a class. */
static void
add_row(Collection *collection, int i)
{
	char		name[32];

	if (collect_is_full(collection))
		CHECK(collect_grow(&memory_plain, collection));
	collection->column[0].numbers[collect_next(collection)] = i;
	snprintf(name, sizeof(name), "category %d", i % 37);
	if (i % 10 == 0)
		collection->column[1].codes[collect_next(collection)] = -1;
	else
		collect_code(&memory_plain, collection, &collection->column[1], text(name),
					 &collection->column[1].codes[collect_next(collection)]);
	snprintf(name, sizeof(name), "%d", i % 3);
	collect_code(&memory_plain, collection, collect_target(collection), text(name),
				 &collect_target(collection)->codes[collect_next(collection)]);
	collection->rows++;
}

/* Do the data say of each row what add_row put there? */
static bool
is_right(const Collection *collection)
{
	ForestData	data;
	bool		right = collect_data(&memory_plain, collection, &data);
	int64_t		row;
	int32_t		i;

	for (i = 1; i < data.features[1].n_categories; i++)
	{
		ForestText	a = data.features[1].categories[i - 1];
		ForestText	b = data.features[1].categories[i];

		right = right && strcmp(a.data, b.data) < 0;
	}
	for (row = 0; row < data.n_rows; row++)
	{
		int			number = (int) data.features[0].numbers[row];
		int32_t		code = data.features[1].codes[row];

		right = right && (code < 0) == (number % 10 == 0);
		if (code >= 0)
			right = right && atoi(data.features[1].categories[code].data + 9) == number % 37;
		right = right && atoi(data.class_names[data.classes[row]].data) == number % 3;
	}
	right = right && data.n_classes == 3;
	free((void *) data.features[1].categories);
	free((void *) data.features[1].codes);
	free((void *) data.features);
	free((void *) data.classes);
	free((void *) data.class_names);
	return right;
}

static void
test_merge_and_bytes(void)
{
	Collection *a = started();
	Collection *b = started();
	Collection *read;
	unsigned char *bytes;
	size_t		size;
	bool		same;
	int			i;

	for (i = 0; i < 1000; i++)
		add_row(i < 300 ? b : a, i);
	CHECK(is_right(a));
	size = collect_size(b);
	bytes = malloc(size);
	collect_write(b, bytes);
	read = collect_read(&memory_plain, bytes, size);
	CHECK(read != NULL && is_right(read));
	CHECK(collect_merge(&memory_plain, a, read, &same) && same);
	CHECK(a->rows == 1000 && is_right(a));
	add_row(a, 1000);
	CHECK(is_right(a));

	/* Other columns are refused, and cut off bytes are. */
	collect_free(&memory_plain, read);
	read = collect_start(&memory_plain, 2);
	collect_describe(&memory_plain, read, 0, text("x"), FOREST_NUMBER, 1);
	collect_describe(&memory_plain, read, 1, text("d"), FOREST_CATEGORY, 3);
	collect_describe(&memory_plain, read, 2, text(""), FOREST_CATEGORY, 3);
	CHECK(collect_merge(&memory_plain, a, read, &same) && !same);
	CHECK(a->rows == 1001);
	collect_free(&memory_plain, read);
	for (i = 0; i < (int) size; i += 7)
	{
		unsigned char *exact = malloc((size_t) i + 1);

		memcpy(exact, bytes, (size_t) i);
		CHECK(collect_read(&memory_plain, exact, (size_t) i) == NULL);
		free(exact);
	}
	free(bytes);
	collect_free(&memory_plain, a);
	collect_free(&memory_plain, b);
}

/* Changed bytes give another collection or none, and nothing is read past. */
static void
test_hostile(void)
{
	Collection *collection = started();
	unsigned char *bytes;
	unsigned char *broken;
	size_t		size;
	Random		random;
	int			i;

	for (i = 0; i < 20; i++)
		add_row(collection, i);
	size = collect_size(collection);
	bytes = malloc(size);
	broken = malloc(size);
	collect_write(collection, bytes);
	random_start(&random, 1, 0);
	for (i = 0; i < 5000; i++)
	{
		Collection *read;

		memcpy(broken, bytes, size);
		broken[random_below(&random, (uint32_t) size)] = (unsigned char) random_bits(&random);
		broken[random_below(&random, 40)] ^= (unsigned char) (1 << random_below(&random, 8));
		read = collect_read(&memory_plain, broken, size);
		if (read != NULL)
			collect_free(&memory_plain, read);
	}
	CHECK(i == 5000);
	free(bytes);
	free(broken);
	collect_free(&memory_plain, collection);
}

/* Memory that is thrown away at once, as a context of the server's is */
static void *thrown[64];
static int	n_thrown;

static void *
heap_alloc(void *arg, size_t size)
{
	(void) arg;
	return thrown[n_thrown++] = malloc(size);
}

static void
heap_release(void *arg, void *pointer)
{
	(void) arg;
	(void) pointer;
}

static const Memory heap = {heap_alloc, heap_release, NULL, NULL};

static void
throw_away(void)
{
	while (n_thrown > 0)
		free(thrown[--n_thrown]);
}

/* A file in memory, as large as it must be */
typedef struct Paper
{
	char		bytes[1 << 20];
	size_t		size;
	int			reads;
} Paper;

static void
paper_append(void *arg, const void *bytes, size_t size)
{
	Paper	   *paper = arg;

	memcpy(paper->bytes + paper->size, bytes, size);
	paper->size += size;
}

static void
paper_read(void *arg, uint64_t place, void *bytes, size_t size)
{
	Paper	   *paper = arg;

	CHECK(place + size <= paper->size);
	memcpy(bytes, paper->bytes + place, size);
	paper->reads++;
}

/* Rows that went to a file come back as they were, beside those that did not. */
static void
test_file(int rows)
{
	static Paper paper;
	CollectFile file = {paper_append, paper_read, &paper, 256 * 16};
	Collection *collection = started();
	ForestData	data;
	const ForestColumn *column;
	bool		right = true;
	int			i;

	paper.size = 0;
	paper.reads = 0;
	collection->file = &file;
	for (i = 0; i < rows; i++)
		add_row(collection, i);
	CHECK(collection->room == 256);
	CHECK(collection->written == (rows - 1) / 256 * 256);
	CHECK(paper.size == (size_t) collection->written * 16);
	CHECK(collect_data(&heap, collection, &data));
	CHECK(data.n_rows == rows && data.n_classes == 3);

	column = forest_column(&data, 0);
	for (i = 0; i < rows; i++)
		right = right && column->numbers[i] == i &&
			atoi(data.class_names[data.classes[i]].data) == i % 3;
	CHECK(right);
	column = forest_column(&data, 1);
	for (i = 0; i < rows; i++)
		right = right && (i % 10 == 0 ? column->codes[i] == -1 :
						  atoi(column->categories[column->codes[i]].data + 9) == i % 37);
	CHECK(right);

	/* The one at hand is not read again. */
	i = paper.reads;
	CHECK(forest_column(&data, 1) == column && paper.reads == i);
	CHECK(data.bring != NULL);
	throw_away();
	collect_free(&memory_plain, collection);
}

int
main(void)
{
	test_file(257);
	test_file(1000);
	test_file(1024);
	test_merge_and_bytes();
	test_hostile();
	return check_report();
}

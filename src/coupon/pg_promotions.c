/*-------------------------------------------------------------------------
 *
 * pg_promotions.c
 *	  The active promotions, compiled and at hand in this session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "core/hash.h"
#include "coupon/pg_promotions.h"
#include "pg/spi.h"
#include "promo.h"

/* A promotion that is compiled, by its number */
typedef struct ById
{
	int64		id;				/* key */
	ActivePromotion *promotion;
} ById;

/* Promotions that a cart needs one word for */
typedef struct ByWord
{
	uint64		key;			/* of the kind and the word */
	int			count;
	int			room;
	int		   *ranks;
} ByWord;

typedef struct ActiveSet
{
	MemoryContext context;		/* of the lists and tables below */
	pg_uuid_t	stamp;
	int			count;
	ActivePromotion **promotions;	/* in the order of their numbers */
	HTAB	   *by_id;
	HTAB	   *by_word;
	char	   *space;			/* of the block that is being filled */
	Size		space_left;
	int			always_count;
	int		   *always;			/* ranks of those that any cart will do for */
	uint32	   *seen;			/* by rank: the call that found it last */
	uint32		calls;
	Size		bytes;
} ActiveSet;

/* Bytes of a block of promotions, and of what reading one takes at first */
#define SPACE_BLOCK ((Size) 64 * 1024)
#define READING_BLOCK ((Size) 64 * 1024)

static ActiveSet *at_hand = NULL;

static uint64
word_key(const char *kind, const Word *word)
{
	return hash_keyed(word->text, word->length, hash_keyed(kind, strlen(kind), 0, 0), 0);
}

static HTAB *
make_table(const char *name, Size key, Size entry, MemoryContext context)
{
	HASHCTL		control = {0};

	control.keysize = key;
	control.entrysize = entry;
	control.hcxt = context;
	return hash_create(name, 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Space that lasts as long as the set: in blocks, each filled without gaps */
static void *
set_space(ActiveSet *set, Size size)
{
	void	   *place;

	if (size > set->space_left)
	{
		set->space_left = Max(size, SPACE_BLOCK);
		set->space = MemoryContextAllocHuge(set->context, set->space_left);
	}
	place = set->space;
	set->space += size;
	set->space_left -= size;
	return place;
}

/* A promotion of the set, with a definition of its own */
static ActivePromotion *
keep(ActiveSet *set, int64 id, int32 version, TransactionId made, const Definition *definition)
{
	ActivePromotion *promotion = set_space(set, MAXALIGN(sizeof(ActivePromotion)) + definition_size(definition));

	MemoryContext old = MemoryContextSwitchTo(set->context);

	promotion->id = id;
	promotion->version = version;
	promotion->made = made;
	definition_copy(definition, (char *) promotion + MAXALIGN(sizeof(ActivePromotion)), &promotion->definition);
	MemoryContextSwitchTo(old);
	return promotion;
}

/* Compiles a definition; what reading it takes is in the current context. */
static ActivePromotion *
compile(ActiveSet *set, int64 id, int32 version, TransactionId made, const Jsonb *json)
{
	Definition	definition = {0};
	JsonFaults	faults;
	JsonReader	reader;

	json_faults_start(&faults);
	json_open(&reader, &faults, "", json);
	definition_read(&reader, &definition);
	json_faults_raise(&faults, psprintf("definition of promotion " INT64_FORMAT ", version %d", id, version));
	return keep(set, id, version, made, &definition);
}

/* One that is compiled already; NULL for none */
static ActivePromotion *
compiled_before(int64 id, int32 version, TransactionId made)
{
	ById	   *entry = at_hand == NULL ? NULL : hash_search(at_hand->by_id, &id, HASH_FIND, NULL);

	return entry != NULL && entry->promotion->version == version && entry->promotion->made == made ?
		entry->promotion : NULL;
}

/* Compiles those of these numbers, and puts them where they are NULL. */
static void
compile_missing(ActiveSet *set, const int64 *ids, Datum *missing, int count)
{
	static const Oid types[1] = {INT8ARRAYOID};
	MemoryContext reading;
	Datum		values[1];
	uint64		i;
	int			rank = 0;

	if (count == 0)
		return;

	/* Its first block stays through resets, so that no memory comes and goes. */
	reading = AllocSetContextCreate(CurrentMemoryContext, "promo definition", READING_BLOCK, READING_BLOCK,
									ALLOCSET_DEFAULT_MAXSIZE);
	values[0] = PointerGetDatum(construct_array(missing, count, INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE));
	spi_check(SPI_execute_with_args("SELECT v.promotion_id, v.version, v.xmin, v.definition"
									" FROM promo.promotion p JOIN promo.promotion_version v USING (promotion_id, version)"
									" WHERE v.promotion_id = ANY ($1) ORDER BY v.promotion_id",
									1, (Oid *) types, values, NULL, true, 0), "SPI_execute_with_args");
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		null;
		int64		id = DatumGetInt64(SPI_getbinval(row, desc, 1, &null));
		MemoryContext old;

		CHECK_FOR_INTERRUPTS();
		while (rank < set->count && ids[rank] != id)
			rank++;
		if (rank == set->count)
			break;
		old = MemoryContextSwitchTo(reading);
		set->promotions[rank] = compile(set, id, DatumGetInt32(SPI_getbinval(row, desc, 2, &null)),
										DatumGetTransactionId(SPI_getbinval(row, desc, 3, &null)),
										DatumGetJsonbP(SPI_getbinval(row, desc, 4, &null)));
		MemoryContextSwitchTo(old);
		MemoryContextReset(reading);
	}
	MemoryContextDelete(reading);
	SPI_freetuptable(SPI_tuptable);
}

static void
add_word(ActiveSet *set, const char *kind, const Word *word, int rank)
{
	uint64		key = word_key(kind, word);
	bool		found;
	ByWord	   *entry = hash_search(set->by_word, &key, HASH_ENTER, &found);

	if (!found)
	{
		entry->count = 0;
		entry->room = 4;
		entry->ranks = MemoryContextAlloc(set->context, sizeof(int) * entry->room);
	}
	else if (entry->count == entry->room)
	{
		entry->room *= 2;
		entry->ranks = repalloc(entry->ranks, sizeof(int) * entry->room);
	}
	entry->ranks[entry->count++] = rank;
}

/* Finds the promotions by what carts must have. */
static void
index_set(ActiveSet *set)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "promo keys", ALLOCSET_SMALL_SIZES);
	int			rank;
	int			i;

	set->always = MemoryContextAlloc(set->context, sizeof(int) * (set->count + 1));
	set->seen = MemoryContextAllocZero(set->context, sizeof(uint32) * (set->count + 1));
	for (rank = 0; rank < set->count; rank++)
	{
		ActivePromotion *promotion = set->promotions[rank];
		const Promotion *terms = &promotion->definition.promotion;
		ById	   *entry = hash_search(set->by_id, &promotion->id, HASH_ENTER, NULL);
		DefinitionKey key;
		MemoryContext old;

		entry->promotion = promotion;
		promotion->rank = rank;
		if (terms->needs_code)
			continue;
		old = MemoryContextSwitchTo(scratch);
		definition_key(terms, &key);
		if (key.kind == NULL)
			set->always[set->always_count++] = rank;
		else
			for (i = 0; i < key.words.count; i++)
				add_word(set, key.kind, &key.words.word[i], rank);
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
	}
	MemoryContextDelete(scratch);
	set->bytes += MemoryContextMemAllocated(set->context, true);
}

/* Lets go of all that is at hand. */
static void
forget_set(void)
{
	ActiveSet  *set = at_hand;

	at_hand = NULL;
	if (set != NULL)
		MemoryContextDelete(set->context);
}

void
promotions_open(const pg_uuid_t *stamp)
{
	static SPIPlanPtr plan = NULL;
	MemoryContext context;
	ActiveSet  *set;
	int64	   *ids;
	Datum	   *missing;
	int			missing_count = 0;
	int			i;
	static const pg_uuid_t none = {{0}};

	if (stamp == NULL)
		stamp = &none;
	if (at_hand != NULL && memcmp(&at_hand->stamp, stamp, sizeof(pg_uuid_t)) == 0)
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "promo promotions", ALLOCSET_DEFAULT_SIZES);
	set = MemoryContextAllocZero(context, sizeof(ActiveSet));
	set->context = context;
	set->stamp = *stamp;
	set->by_id = make_table("promo promotions by number", sizeof(int64), sizeof(ById), context);
	set->by_word = make_table("promo promotions by word", sizeof(uint64), sizeof(ByWord), context);

	(void) spi_read_kept(&plan, "SELECT p.promotion_id, p.version, v.xmin"
						 " FROM promo.promotion p JOIN promo.promotion_version v USING (promotion_id, version)"
						 " WHERE p.archived_at IS NULL ORDER BY p.promotion_id", 0, NULL, NULL, NULL);
	set->count = (int) SPI_processed;
	set->promotions = MemoryContextAllocHuge(context, sizeof(ActivePromotion *) * (set->count + 1));
	ids = palloc_extended(sizeof(int64) * (set->count + 1), MCXT_ALLOC_HUGE);
	missing = palloc_extended(sizeof(Datum) * (set->count + 1), MCXT_ALLOC_HUGE);
	for (i = 0; i < set->count; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		const ActivePromotion *before;
		bool		null;

		ids[i] = DatumGetInt64(SPI_getbinval(row, desc, 1, &null));
		before = compiled_before(ids[i], DatumGetInt32(SPI_getbinval(row, desc, 2, &null)),
								 DatumGetTransactionId(SPI_getbinval(row, desc, 3, &null)));
		set->promotions[i] = before == NULL ? NULL :
			keep(set, before->id, before->version, before->made, &before->definition);
		if (before == NULL)
			missing[missing_count++] = Int64GetDatum(ids[i]);
	}
	SPI_freetuptable(SPI_tuptable);
	compile_missing(set, ids, missing, missing_count);
	pfree(ids);
	pfree(missing);
	index_set(set);

	/* Nothing from here on fails. */
	forget_set();
	MemoryContextSetParent(set->context, CacheMemoryContext);
	at_hand = set;
}

const ActivePromotion *
promotion_at_hand(int64 id)
{
	ById	   *entry = hash_search(at_hand->by_id, &id, HASH_FIND, NULL);

	return entry == NULL ? NULL : entry->promotion;
}

static void
find_word(const char *kind, const Word *word)
{
	uint64		key;
	ByWord	   *entry;
	int			i;

	if (word->length == 0)
		return;
	key = word_key(kind, word);
	entry = hash_search(at_hand->by_word, &key, HASH_FIND, NULL);
	for (i = 0; entry != NULL && i < entry->count; i++)
		at_hand->seen[entry->ranks[i]] = at_hand->calls;
}

static void
find_words(const char *kind, const WordSet *words)
{
	int			i;

	for (i = 0; i < words->count; i++)
		find_word(kind, &words->word[i]);
}

const ActivePromotion **
promotions_for(const Cart *cart, int *count)
{
	const ActivePromotion **found;
	int			i;

	if (++at_hand->calls == 0)
	{
		memset(at_hand->seen, 0, sizeof(uint32) * at_hand->count);
		at_hand->calls = 1;
	}
	for (i = 0; i < cart->line_count; i++)
	{
		find_word("product", &cart->lines[i].product);
		find_words("category", &cart->lines[i].categories);
	}
	find_words("group", &cart->customer.groups);
	find_words("segment", &cart->customer.segments);
	find_words("tier", &cart->customer.tiers);
	find_word("channel", &cart->channel);
	for (i = 0; i < at_hand->always_count; i++)
		at_hand->seen[at_hand->always[i]] = at_hand->calls;
	*count = 0;
	found = palloc_extended(sizeof(ActivePromotion *) * (at_hand->count + 1), MCXT_ALLOC_HUGE);
	for (i = 0; i < at_hand->count; i++)
		if (at_hand->seen[i] == at_hand->calls)
			found[(*count)++] = at_hand->promotions[i];
	return found;
}

void
promotions_close(void)
{
	if (at_hand != NULL && at_hand->bytes > promo_cache_size())
		forget_set();
}

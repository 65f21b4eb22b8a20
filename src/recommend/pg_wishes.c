/*-------------------------------------------------------------------------
 *
 * pg_wishes.c
 *	  The options of recommend, recommend_basket and recommend_all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "pg/json.h"
#include "recommend/pg_wishes.h"

/* A factor, where 0 hides an item */
#define BOOST_MOST 1000000

/* Takes from allowed, or makes it, what is not of the category. */
static void
allow_category(const Catalog *catalog, const char *name, Wishes *wishes)
{
	uint32		category;
	uint32		i;

	for (category = 0; category < catalog->n_categories; category++)
	{
		NameText	text = catalog_category(catalog, category);

		if (text.size == strlen(name) && memcmp(text.data, name, text.size) == 0)
			break;
	}
	if (wishes->allowed == NULL)
	{
		wishes->allowed = palloc(catalog->n_items + 1);
		memset(wishes->allowed, 1, catalog->n_items);
	}

	/* Of a category that no item has, no item is. */
	for (i = 0; i < catalog->n_items; i++)
		if (category == catalog->n_categories || catalog->category[i] != category)
			wishes->allowed[i] = 0;
}

static void
read_filter(JsonReader *reader, const Catalog *catalog, Wishes *wishes)
{
	List	   *filter = NIL;
	ListCell   *cell;
	char	   *category;

	if (json_read_texts(reader, "filter", &filter) && catalog != NULL)
	{
		wishes->allowed = palloc0(catalog->n_items + 1);
		foreach(cell, filter)
		{
			uint32		item = wishes_item(catalog, lfirst(cell));

			if (item != NAME_NONE)
				wishes->allowed[item] = 1;
		}
	}
	if (json_read_text(reader, "category", &category) && catalog != NULL)
		allow_category(catalog, category, wishes);
}

static void
read_fallback(JsonReader *reader, const Catalog *catalog, Wishes *wishes)
{
	static const char *const words[] = {"popular", "trending", "none"};
	const char *word;

	if (!json_read_word(reader, "fallback", words, lengthof(words), &word))
		return;
	wishes->fallback = word == words[0] ? FALLBACK_POPULAR :
		word == words[1] ? FALLBACK_TRENDING : FALLBACK_NONE;
	if (wishes->fallback == FALLBACK_TRENDING && catalog != NULL && !catalog->has_times)
		json_fault(reader->faults, json_path(reader, "fallback"),
				   "cannot be trending, since the recommender's query had no column \"at\"");
}

static void
read_boosts(JsonReader *reader, const Catalog *catalog, Wishes *wishes)
{
	JsonReader	boosts;
	List	   *keys;
	ListCell   *cell;

	if (!json_read_object(reader, "boost", &boosts))
		return;
	keys = json_keys(&boosts);
	wishes->boosted = palloc(sizeof(uint32) * (list_length(keys) + 1));
	wishes->boost = palloc(sizeof(float) * (list_length(keys) + 1));
	foreach(cell, keys)
	{
		double		boost = 1;
		uint32		item;
		JsonReader	one;

		/* A reader remembers what it was asked for, which may be many here. */
		json_open_container(&one, boosts.faults, boosts.path, boosts.object);
		if (!json_read_float(&one, lfirst(cell), 0, BOOST_MOST, &boost) || catalog == NULL)
			continue;
		item = wishes_item(catalog, lfirst(cell));
		if (item == NAME_NONE)
			continue;
		wishes->boosted[wishes->n_boosts] = item;
		wishes->boost[wishes->n_boosts++] = (float) boost;
	}
}

void
wishes_read(JsonReader *reader, const Catalog *catalog, Wishes *wishes)
{
	wishes->exclude_bought = true;
	json_read_bool(reader, "exclude_bought", &wishes->exclude_bought);
	json_read_bool(reader, "buy_again", &wishes->buy_again);
	read_fallback(reader, catalog, wishes);
	read_filter(reader, catalog, wishes);
	read_boosts(reader, catalog, wishes);
}

void
wishes_of_call(const Jsonb *json, const Catalog *catalog, bool takes_history, const char *what,
			   Wishes *wishes)
{
	JsonFaults	faults;
	JsonReader	reader;

	memset(wishes, 0, sizeof(*wishes));
	json_faults_start(&faults);
	json_open(&reader, &faults, "", json);
	if (takes_history)
		wishes->has_history = json_read_texts(&reader, "history", &wishes->history);
	else
		json_refuse(&reader, "history", "is an option of promo.recommend() only");
	wishes_read(&reader, catalog, wishes);
	json_close(&reader);
	json_faults_raise(&faults, psprintf("options of %s", what));
}

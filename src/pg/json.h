/*-------------------------------------------------------------------------
 *
 * json.h
 *	  Reading jsonb into structs, collecting all faults with their paths.
 *
 * One JsonFaults goes through a whole definition.  A reader stands on one
 * object of it; each json_read_... looks at one key, leaves the target alone
 * where the key is missing, and notes a fault where the value is of another
 * type or out of range.  json_close notes the keys that nobody read.  At the
 * end json_faults_raise raises one error with all of it, or returns:
 *
 *		json_faults_start(&faults);
 *		json_open(&reader, &faults, "", options);
 *		json_read_int(&reader, "trees", 1, 1000, &trees);
 *		json_close(&reader);
 *		json_faults_raise(&faults, "options");
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_JSON_H
#define PROMO_JSON_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "core/money.h"

typedef struct JsonFaults
{
	int			count;
	StringInfoData detail;		/* a sentence a line */
	StringInfoData hint;		/* the keys known where one was not */
	MemoryContext context;		/* of all that only reading needs */
} JsonFaults;

typedef struct JsonReader
{
	JsonFaults *faults;
	const char *path;			/* of the object; "" for the whole */
	JsonbContainer *object;		/* NULL when there is none to read */
	List	   *known;			/* keys asked for so far */
	List	   *refused;		/* keys that json_refuse knew */
} JsonReader;

/* What reading takes, and what is read does not need, is in the current context. */
extern void json_faults_start(JsonFaults *faults);

/*
 * Notes a fault: the path, a colon, and what the format gives.  The same fault
 * is told once.
 */
extern void json_fault(JsonFaults *faults, const char *path, const char *format,...) pg_attribute_printf(3, 4);

/* Raises "invalid <what>" when there are faults. */
extern void json_faults_raise(const JsonFaults *faults, const char *what);

/* NULL reads like an empty object; what is no object is a fault. */
extern void json_open(JsonReader *reader, JsonFaults *faults, const char *path,
					  const Jsonb *json);

/* An array as the object that has it under a key; anything else as it is */
extern const Jsonb *json_wrapped(const char *key, const Jsonb *json);

/* The same on an object inside of a value */
extern void json_open_container(JsonReader *reader, JsonFaults *faults, const char *path,
								JsonbContainer *object);

/*
 * Notes as faults the keys that were not asked for, and frees what the reader
 * took.  Until then, the keys that were asked for must stay.
 */
extern void json_close(JsonReader *reader);

/* The path of a key of the object */
extern const char *json_path(const JsonReader *reader, const char *key);

/* True when the key is there, whatever its value. */
extern bool json_has(JsonReader *reader, const char *key, JsonbValue *value);

/*
 * Each is true, and sets the target, only when the key is there and right.
 * Text is a copy in the current context, and never empty.
 */
extern bool json_read_int(JsonReader *reader, const char *key, int64 least,
						  int64 most, int64 *target);
extern bool json_read_float(JsonReader *reader, const char *key, double least,
							double most, double *target);
extern bool json_read_bool(JsonReader *reader, const char *key, bool *target);
extern bool json_read_text(JsonReader *reader, const char *key, char **target);

/* Notes as a fault a key that may not be here, for the reason given. */
extern void json_refuse(JsonReader *reader, const char *key, const char *why);

/* Notes as a fault a key that is missing. */
extern void json_need(JsonReader *reader, const char *key);

/* One of some words, which a fault lists; sets the target to the word known. */
extern bool json_read_word(JsonReader *reader, const char *key, const char *const words[],
						   int count, const char **target);

/* A list of C strings */
extern bool json_read_texts(JsonReader *reader, const char *key, List **target);

/*
 * Opens the object under the key; to be closed by the caller, who reads the
 * keys that he knows or goes through all with json_keys.
 */
extern bool json_read_object(JsonReader *reader, const char *key, JsonReader *child);

/*
 * A list of JsonReader, opened on the objects of the array under the key, with
 * paths such as tiers[0]; each to be closed by the caller.  Elements that are
 * no objects are faults, and left out.
 */
extern bool json_read_objects(JsonReader *reader, const char *key, List **children);

/*
 * A number from least to most as its exact text, such as numeric_in takes.
 */
extern bool json_read_decimal(JsonReader *reader, const char *key, int64 least,
							  int64 most, char **target);

/*
 * A number from least to most, or a string that holds one such as "19.99", in
 * either case exact.
 */
extern bool json_read_exact(JsonReader *reader, const char *key, int64 least,
							int64 most, Decimal *target);

/* The same with no more decimals than that, as a number and as a count of 10^-decimals */
extern bool json_read_rate(JsonReader *reader, const char *key, int64 least,
						   int64 most, int decimals, Decimal *target);
extern bool json_read_units(JsonReader *reader, const char *key, int64 least,
							int64 most, int decimals, int64 *target);

/* An instant in ISO 8601 with an offset, as core/time.h reads it */
extern bool json_read_instant(JsonReader *reader, const char *key, int64 *target);

/* A list of whole numbers, each from least to most */
extern bool json_read_ints(JsonReader *reader, const char *key, int64 least,
						   int64 most, int *count, int64 **target);

/* All keys of the object, as C strings */
extern List *json_keys(const JsonReader *reader);

#endif							/* PROMO_JSON_H */

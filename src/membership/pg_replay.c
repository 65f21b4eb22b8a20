/*-------------------------------------------------------------------------
 *
 * pg_replay.c
 *	  A ledger of points replayed from jsonb, without a table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg/compat.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "core/time.h"
#include "membership/earning.h"
#include "membership/replay.h"
#include "pg/build.h"
#include "pg/json.h"
#include "pg/memory.h"

/* Each operation looks at all before it. */
#define REPLAY_OPS_MOST 10000

/* Decimals of a fraction, as REPLAY_WHOLE has */
#define FRACTION_DECIMALS 6

/* An operation of the list, or a look at the account */
typedef struct Step
{
	bool		is_check;
	ReplayOp	op;
} Step;

static void
read_policy(JsonReader *reader, ReplayPolicy *policy, bool *is_partial)
{
	static const char *const clawbacks[] = {"clamp", "debt"};
	static const char *const modes[] = {"strict", "partial"};
	const char *word;
	int64		days;

	policy->restore_grace_days = 30;
	json_read_bool(reader, "allow_debt", &policy->allow_debt);
	if (json_read_word(reader, "clawback", clawbacks, lengthof(clawbacks), &word))
		policy->clawback_debt = strcmp(word, "debt") == 0;
	policy->allow_debt |= policy->clawback_debt;
	if (json_read_word(reader, "redeem", modes, lengthof(modes), &word))
		*is_partial = strcmp(word, "partial") == 0;
	if (json_read_int(reader, "restore_grace_days", 0, 3660, &days))
		policy->restore_grace_days = days;
	json_close(reader);
}

/* Instant at which something ends, never where it is null or missing */
static void
read_end(JsonReader *reader, const char *key, int64_t *target)
{
	JsonbValue	value;
	int64		at;

	if (json_has(reader, key, &value) && value.type != jbvNull && json_read_instant(reader, key, &at))
		*target = at;
}

static void
read_points(JsonReader *reader, int64 least, ReplayOp *op)
{
	int64		points;

	if (json_read_int(reader, "points", least, EARN_POINTS_MOST, &points))
		op->points = points;
}

static void
read_details(JsonReader *reader, bool is_partial, ReplayOp *op)
{
	static const char *const modes[] = {"strict", "partial"};
	const char *word;
	int64		number;

	switch (op->kind)
	{
		case REPLAY_EARN:
			json_need(reader, "points");
			read_points(reader, 0, op);
			read_end(reader, "expires_at", &op->ends_at);
			op->available_at = op->at;
			if (json_read_instant(reader, "available_at", &number))
				op->available_at = number;
			break;
		case REPLAY_REDEEM:
			json_need(reader, "points");
			read_points(reader, 1, op);
			op->partial = is_partial;
			if (json_read_word(reader, "mode", modes, lengthof(modes), &word))
				op->partial = strcmp(word, "partial") == 0;
			break;
		case REPLAY_HOLD:
			read_end(reader, "times_out_at", &op->ends_at);
			/* FALLTHROUGH */
		case REPLAY_DEBIT:
			json_need(reader, "points");
			read_points(reader, 1, op);
			break;
		case REPLAY_CAPTURE:
			read_points(reader, 1, op);
			break;
		case REPLAY_REVERSE_EARN:
		case REPLAY_REVERSE_REDEEM:
			if (json_read_units(reader, "fraction", 0, 1, FRACTION_DECIMALS, &number))
			{
				op->fraction = number;
				if (number == 0)
					json_fault(reader->faults, json_path(reader, "fraction"), "must be above 0");
			}
			break;
		case REPLAY_RELEASE:
		case REPLAY_EXPIRE:
		case REPLAY_SUSPEND:
		case REPLAY_RESUME:
			break;
	}
}

static void
read_step(JsonReader *reader, bool is_partial, Step *step)
{
	const char *words[REPLAY_KINDS + 1];
	const char *word;
	JsonbValue	ignored;
	ReplayOp   *op = &step->op;
	char	   *text;
	int64		at;
	int			i;

	memcpy(words, replay_kind_names, sizeof(replay_kind_names));
	words[REPLAY_KINDS] = "check";
	op->ref = op->key = "";
	op->ends_at = REPLAY_NEVER;
	json_need(reader, "op");
	if (!json_read_word(reader, "op", words, REPLAY_KINDS + 1, &word))
		return;
	step->is_check = word == words[REPLAY_KINDS];
	if (step->is_check)
	{
		/* What is expected there is for who asks. */
		(void) json_has(reader, "expect", &ignored);
		json_close(reader);
		return;
	}
	for (i = 0; i < REPLAY_KINDS; i++)
		if (words[i] == word)
			op->kind = (ReplayKind) i;
	json_need(reader, "at");
	if (json_read_instant(reader, "at", &at))
		op->at = at;
	if (op->kind != REPLAY_EXPIRE && op->kind != REPLAY_SUSPEND && op->kind != REPLAY_RESUME)
		json_need(reader, "ref");
	if (json_read_text(reader, "ref", &text))
		op->ref = text;
	if (json_read_text(reader, "key", &text))
		op->key = text;
	else if (op->kind == REPLAY_SUSPEND || op->kind == REPLAY_RESUME)
		op->key = psprintf(INT64_FORMAT, op->at);
	read_details(reader, is_partial, op);
	json_close(reader);
}

/* What is left by the ref of earning, and by the instant of its end */
static void
tell_lots(const Replay *replay, JsonBuild *build)
{
	int64		i;
	int64		j;

	build_open_object(build, "lots");
	for (i = 0; i < replay->n_lots; i++)
	{
		const char *ref = replay->entries[replay->lots[i].entry].op.ref;
		bool		is_first = true;
		int64		left = 0;

		for (j = 0; j < replay->n_lots; j++)
			if (strcmp(replay->entries[replay->lots[j].entry].op.ref, ref) == 0)
			{
				is_first = is_first && j >= i;
				left += replay->lots[j].left;
			}
		if (is_first)
			build_int(build, ref, left);
	}
	build_close_object(build);
	build_open_object(build, "expiring");
	for (i = 0; i < replay->n_lots; i++)
	{
		bool		is_first = true;
		int64		left = 0;
		char		at[TIME_TEXT];

		for (j = 0; j < replay->n_lots; j++)
			if (replay->lots[j].left > 0 && replay->lots[j].ends_at == replay->lots[i].ends_at)
			{
				is_first = is_first && j >= i;
				left += replay->lots[j].left;
			}
		if (!is_first || replay->lots[i].left == 0 || replay->lots[i].ends_at == REPLAY_NEVER)
			continue;
		(void) time_write(at, replay->lots[i].ends_at);
		build_int(build, pstrdup(at), left);
	}
	build_close_object(build);
}

/*
 * The account after so many steps.  Holds that have timed out are none any
 * more, though nothing has posted that yet; a second ledger, in which it is,
 * tells what can be used.
 */
static void
tell(const Replay *replay, const Step *steps, int count, int64 at, JsonBuild *build)
{
	const ReplayTotals *totals = &replay->totals;
	Replay		settled;
	int			i;

	replay_start(&settled, replay->memory, &replay->policy);
	for (i = 0; i < count && totals->held > 0; i++)
		if (!steps[i].is_check)
			(void) replay_post(&settled, &steps[i].op);
	if (!replay_settle(&settled, at))
		elog(ERROR, "ledger could not be replayed");
	build_int(build, "balance", replay_balance(replay));
	build_int(build, "available", replay_available(totals->held > 0 ? &settled : replay, at));
	build_int(build, "on_hold", settled.totals.held);
	replay_end(&settled);
	build_int(build, "deficit", totals->deficit);
	build_int(build, "lifetime_earned", totals->earned);
	build_int(build, "redeemed_points", totals->redeemed);
	build_int(build, "debited_points", totals->debited);
	build_int(build, "expired_points", totals->expired);
	build_int(build, "reversed_points", totals->reversed);
	build_int(build, "restored_points", totals->restored);
	build_int(build, "shortfall_points", totals->shortfall);
	build_int(build, "lapsed_points", totals->lapsed);
	build_open_object(build, "rows");
	for (i = 0; i <= REPLAY_REVERSE_REDEEM; i++)
		build_int(build, replay_kind_names[i], totals->rows[i]);
	build_close_object(build);
	tell_lots(replay, build);
}

PG_FUNCTION_INFO_V1(promo_membership_replay);

/*
 * membership_replay(ops jsonb, policy jsonb) returns jsonb
 */
Datum
promo_membership_replay(PG_FUNCTION_ARGS)
{
	Jsonb	   *ops = PG_GETARG_JSONB_P(0);
	Memory		memory = pg_memory(CurrentMemoryContext);
	JsonFaults	faults;
	JsonReader	reader;
	JsonBuild	build;
	ReplayPolicy policy = {0};
	Replay		replay;
	List	   *readers = NIL;
	List	   *errors = NIL;
	ListCell   *cell;
	Step	   *steps;
	int64		at = TIME_FIRST;
	bool		is_partial = false;
	int			count = 0;
	int			i;

	json_faults_start(&faults);
	json_open(&reader, &faults, "", PG_GETARG_JSONB_P(1));
	read_policy(&reader, &policy, &is_partial);
	json_faults_raise(&faults, "policy");

	json_open(&reader, &faults, "", json_wrapped("ops", ops));
	json_need(&reader, "ops");
	if (json_read_objects(&reader, "ops", &readers) && list_length(readers) > REPLAY_OPS_MOST)
	{
		json_fault(&faults, "ops", "must be at most %d, not %d", REPLAY_OPS_MOST, list_length(readers));
		readers = NIL;
	}
	json_close(&reader);
	steps = palloc0(sizeof(Step) * (list_length(readers) + 1));
	foreach(cell, readers)
		read_step(lfirst(cell), is_partial, &steps[count++]);
	json_faults_raise(&faults, "operations");

	replay_start(&replay, &memory, &policy);
	build_start(&build);
	build_open_array(&build, "checks");
	for (i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (steps[i].is_check)
		{
			build_open_object(&build, NULL);
			tell(&replay, steps, i, at, &build);
			build_close_object(&build);
			continue;
		}
		at = Max(at, steps[i].op.at);
		switch (replay_post(&replay, &steps[i].op))
		{
			case REPLAY_REFUSED:
				errors = lappend(errors, (char *) steps[i].op.ref);
				break;
			case REPLAY_NO_MEMORY:
				elog(ERROR, "ledger could not be replayed");
			case REPLAY_POSTED:
			case REPLAY_REPEATED:
			case REPLAY_NOTHING:
				break;
		}
	}
	build_close_array(&build);
	tell(&replay, steps, count, at, &build);
	build_open_array(&build, "errors");
	foreach(cell, errors)
		build_text(&build, NULL, lfirst(cell));
	build_close_array(&build);
	PG_RETURN_JSONB_P(build_end(&build));
}

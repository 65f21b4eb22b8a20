/*-------------------------------------------------------------------------
 *
 * metrics.c
 *	  The metrics against brute force, and against bytes that lie.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/random.h"
#include "forest/metrics.h"

#define ROWS 500

/* Merging in parts gives what one pass gives. */
static void
test_regression(void)
{
	Regression	whole = {0};
	Regression	parts[3] = {{0}, {0}, {0}};
	RegressionReport a;
	RegressionReport b;
	Random		random;
	int			i;

	random_start(&random, 1, 0);
	for (i = 0; i < ROWS; i++)
	{
		double		actual = 1e6 + random_unit(&random);
		double		predicted = actual + random_unit(&random) - 0.5;

		regression_add(&whole, actual, predicted);
		regression_add(&parts[i % 3], actual, predicted);
	}
	regression_merge(&parts[0], &parts[1]);
	regression_merge(&parts[0], &parts[2]);
	regression_report(&whole, &a);
	regression_report(&parts[0], &b);
	CHECK(a.n == ROWS && b.n == ROWS);
	CHECK(fabs(a.r2 - b.r2) < 1e-9);
	CHECK(fabs(a.mse - b.mse) < 1e-12);
	CHECK(a.rmse == sqrt(a.mse));
}

/* Areas and losses by their definitions, row against row, with many ties */
static void
test_scores(void)
{
	Scores	   *scores = malloc(scores_size(ROWS));
	Scores	   *part = malloc(scores_size(ROWS));
	Scores	   *merged = malloc(scores_size(ROWS));
	double		score[ROWS];
	bool		actual[ROWS];
	ClassificationReport report;
	ClassificationReport again;
	Random		random;
	double		wins = 0;
	double		pairs = 0;
	double		precision = 0;
	double		trues = 0;
	double		loss = 0;
	int			i;
	int			j;

	random_start(&random, 2, 0);
	scores_start(scores, ROWS, 0.5);
	scores_start(part, ROWS, 0.5);
	scores_start(merged, ROWS, 0.5);
	for (i = 0; i < ROWS; i++)
	{
		score[i] = random_below(&random, 41) / 40.0;
		actual[i] = random_unit(&random) < 0.2 + 0.5 * score[i];
		CHECK(scores_add(scores, actual[i], score[i]));
	}
	for (i = ROWS - 1; i >= 0; i--)
		scores_add(i % 3 == 0 ? part : merged, actual[i], score[i]);
	scores_merge(merged, part);
	CHECK(!scores_add(scores, true, 0.5));
	CHECK(scores_valid(scores, scores_size(ROWS)));

	for (i = 0; i < ROWS; i++)
	{
		double		above = 0;
		double		hits = 0;

		loss += pow(score[i] - actual[i], 2);
		if (!actual[i])
			continue;
		trues++;
		for (j = 0; j < ROWS; j++)
		{
			if (score[j] >= score[i])
			{
				above++;
				hits += actual[j];
			}
			if (!actual[j])
			{
				pairs++;
				wins += score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0;
			}
		}
		precision += hits / above;
	}
	CHECK(scores_report(scores, &memory_plain, &report));
	CHECK(fabs(report.roc_auc - wins / pairs) < 1e-14);
	CHECK(fabs(report.pr_auc - precision / trues) < 1e-13);
	CHECK(fabs(report.brier - loss / ROWS) < 1e-13);
	CHECK(report.tp + report.fp + report.tn + report.fn == ROWS);

	/* Another order and other parts give the same bits. */
	CHECK(scores_report(merged, &memory_plain, &again));
	CHECK(memcmp(&report, &again, sizeof(report)) == 0);

	scores->falses = ROWS;
	CHECK(!scores_valid(scores, scores_size(ROWS)));
	CHECK(!scores_valid(scores, 7));
	free(scores);
	free(part);
	free(merged);
}

static ConfusionCell
named(const char *actual, const char *predicted)
{
	ConfusionCell cell = {actual, predicted, (uint32_t) strlen(actual),
	(uint32_t) strlen(predicted), 1};

	return cell;
}

/* A table that grows from the least size counts right. */
static void
test_confusion(void)
{
	Confusion  *confusion = malloc(confusion_size(8, 256));
	ConfusionReport report;
	int			counts[30][30] = {{0}};
	Random		random;
	bool		right = true;
	int			i;
	uint32_t	cell;

	random_start(&random, 3, 0);
	confusion_start(confusion, 8, 256);
	for (i = 0; i < 5000; i++)
	{
		char		actual[16];
		char		predicted[16];
		int			a = (int) random_below(&random, 30);
		int			p = (int) random_below(&random, 30);
		ConfusionCell add;

		counts[a][p]++;
		snprintf(actual, sizeof(actual), "class %d", a);
		snprintf(predicted, sizeof(predicted), "class %d", p);
		add = named(actual, predicted);
		if (!confusion_add(confusion, &add))
		{
			uint32_t	slots;
			uint32_t	room;
			uint32_t	at = 0;
			Confusion  *larger;
			ConfusionCell moved;

			CHECK(confusion_larger(confusion, &add, &slots, &room));
			larger = malloc(confusion_size(slots, room));
			confusion_start(larger, slots, room);
			while (confusion_next(confusion, &at, &moved))
				right = right && confusion_add(larger, &moved);
			right = right && confusion_add(larger, &add);
			right = right && confusion_valid(larger, confusion_size(slots, room));
			free(confusion);
			confusion = larger;
		}
	}
	CHECK(right);
	CHECK(confusion_report(confusion, &memory_plain, &report));
	CHECK(report.n == 5000);
	for (cell = 0; cell < report.cells; cell++)
	{
		int			a = atoi(report.cell[cell].actual + 6);
		int			p = atoi(report.cell[cell].predicted + 6);

		right = right && counts[a][p] == report.cell[cell].count;
	}
	CHECK(right);
	memory_plain.release(memory_plain.arg, report.cell);
	free(confusion);
}

/* Three rows by hand: classes a (F1 2/3), b (F1 2/3), c never hit (0) */
static void
test_macro_f1(void)
{
	Confusion  *confusion = malloc(confusion_size(8, 256));
	ConfusionCell cells[4];
	ConfusionReport report;
	int			i;

	cells[0] = named("a", "a");
	cells[1] = named("b", "b");
	cells[2] = named("a", "c");
	cells[3] = named("b", "c");
	confusion_start(confusion, 8, 256);
	for (i = 0; i < 4; i++)
		CHECK(confusion_add(confusion, &cells[i]));
	CHECK(confusion_report(confusion, &memory_plain, &report));
	CHECK(fabs(report.macro_f1 - 4.0 / 9) < 1e-15);
	CHECK(report.accuracy == 0.5);
	memory_plain.release(memory_plain.arg, report.cell);
	free(confusion);
}

/* Random bytes behind a valid head are never read past. */
static void
test_hostile(void)
{
	size_t		size = confusion_size(8, 128);
	Confusion  *confusion = malloc(size);
	Random		random;
	int			round;

	random_start(&random, 4, 0);
	for (round = 0; round < 20000; round++)
	{
		ConfusionCell add = named("some", "other");
		ConfusionReport report;
		size_t		i;

		for (i = 0; i < size / 4; i++)
			((uint32_t *) confusion)[i] = (uint32_t) random_bits(&random) >>
				random_below(&random, 32);
		confusion->slots = 8;
		confusion->room = 128;
		confusion->used = random_below(&random, 129);
		confusion->cells = random_below(&random, 8);
		if (!confusion_valid(confusion, size))
			continue;
		(void) confusion_add(confusion, &add);
		if (confusion_report(confusion, &memory_plain, &report))
			memory_plain.release(memory_plain.arg, report.cell);
	}
	CHECK(round == 20000);
	free(confusion);
}

int
main(void)
{
	test_regression();
	test_scores();
	test_confusion();
	test_macro_f1();
	test_hostile();
	return check_report();
}

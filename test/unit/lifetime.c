/*-------------------------------------------------------------------------
 *
 * lifetime.c
 *	  BG/NBD and Gamma-Gamma against their definitions: integrals taken by
 *	  brute force, differences, and customers made by the models themselves.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "behavior/lifetime.h"
#include "check.h"
#include "core/random.h"

#define PI 3.14159265358979323846
#define BGNBD_PUBLISHED "r=0.243 alpha=4.414 a=0.793 b=2.426"

static bool
near(double x, double y, double tolerance)
{
	return fabs(x - y) <= tolerance * fabs(y);
}

static LifetimeFit
fit_of(LifetimeModel model, const char *text)
{
	LifetimeFit fit;
	LifetimeFaults faults = {0};

	CHECK(lifetime_read_text(model, text, &fit, &faults));
	return fit;
}

static LifetimeFit
bgnbd(double r, double alpha, double a, double b)
{
	LifetimeFit fit = fit_of(LIFETIME_BGNBD, BGNBD_PUBLISHED);

	fit.value[LIFETIME_R] = r;
	fit.value[LIFETIME_ALPHA] = alpha;
	fit.value[LIFETIME_A] = a;
	fit.value[LIFETIME_B] = b;
	return fit;
}

/* ---- draws ---- */

static double
draw_normal(Random *random)
{
	double		radius = sqrt(-2 * log(1 - random_unit(random)));

	return radius * cos(2 * PI * random_unit(random));
}

static double
draw_exponential(Random *random)
{
	return -log(1 - random_unit(random));
}

/* Marsaglia, Tsang, ACM TOMS 26 (2000) */
static double
draw_gamma(Random *random, double shape)
{
	double		d = (shape < 1 ? shape + 1 : shape) - 1 / 3.0;
	double		c = 1 / sqrt(9 * d);

	for (;;)
	{
		double		x = draw_normal(random);
		double		v = 1 + c * x;

		v = v * v * v;
		if (v > 0 && log(1 - random_unit(random)) < 0.5 * x * x + d - d * v + d * log(v))
			return d * v * (shape < 1 ? pow(1 - random_unit(random), 1 / shape) : 1);
	}
}

static double
draw_beta(Random *random, double a, double b)
{
	double		one = draw_gamma(random, a);

	return one / (one + draw_gamma(random, b));
}

/* Their purchases until t, and after it until t + horizon; a = 0: nobody goes */
static LifetimeCustomers
draw_customer(Random *random, const double *value, double t, double horizon,
			  bool *alive, uint32_t *later)
{
	LifetimeCustomers customer = {t, 0, 0, 1};
	double		rate = draw_gamma(random, value[LIFETIME_R]) / value[LIFETIME_ALPHA];
	double		leaving = value[LIFETIME_A] == 0 ? 0 :
		draw_beta(random, value[LIFETIME_A], value[LIFETIME_B]);
	double		now = 0;

	*alive = true;
	*later = 0;
	for (;;)
	{
		now += draw_exponential(random) / rate;
		if (now > t + horizon)
			return customer;
		if (now <= t)
		{
			customer.frequency++;
			customer.value = now;
		}
		else
			(*later)++;
		if (random_unit(random) < leaving)
		{
			*alive = now > t;
			return customer;
		}
	}
}

static size_t
draw_customers(uint64_t seed, const double *value, LifetimeCustomers *customers, size_t count)
{
	Random		random;
	size_t		i;
	bool		alive;
	uint32_t	later;

	random_start(&random, seed, 0);
	for (i = 0; i < count; i++)
		customers[i] = draw_customer(&random, value, 10 + 90 * random_unit(&random), 0, &alive, &later);
	return count;
}

static size_t
draw_spenders(uint64_t seed, const double *value, LifetimeCustomers *customers, size_t count)
{
	Random		random;
	size_t		i;

	random_start(&random, seed, 1);
	for (i = 0; i < count; i++)
	{
		uint32_t	x = 1 + random_below(&random, 8);
		double		nu = draw_gamma(&random, value[LIFETIME_Q]) / value[LIFETIME_V];

		customers[i].frequency = x;
		customers[i].t = 0;
		customers[i].count = 1;
		customers[i].value = draw_gamma(&random, value[LIFETIME_P] * x) / (nu * x);
	}
	return count;
}

static void
shuffle(uint64_t seed, LifetimeCustomers *customers, size_t count)
{
	Random		random;
	size_t		i;

	random_start(&random, seed, 2);
	for (i = count; i > 1; i--)
	{
		size_t		j = random_below(&random, (uint32_t) i);
		LifetimeCustomers swap = customers[i - 1];

		customers[i - 1] = customers[j];
		customers[j] = swap;
	}
}

static LifetimeStatus
fit_all(LifetimeModel model, LifetimeCustomers *customers, size_t count, LifetimeFit *fit)
{
	LifetimeLimit limit;

	CHECK(lifetime_compact(&memory_plain, customers, 0, &count));
	return lifetime_fit(&memory_plain, model, customers, count, fit, &limit);
}

/* ---- what the models say, by brute force ---- */

/*
 * The likelihood of one customer: of a rate and a chance to leave it is
 * (1-p)^x rate^x e^(-rate T) + [x > 0] p (1-p)^(x-1) rate^x e^(-rate s); its
 * mean over the rate and the chance by the trapezoidal rule in the logarithm of
 * the one and the logit of the other.
 */
static double
brute_bgnbd(const double *value, const LifetimeCustomers *customer)
{
	double		r = value[LIFETIME_R];
	double		alpha = value[LIFETIME_ALPHA];
	double		a = value[LIFETIME_A];
	double		b = value[LIFETIME_B];
	double		x = customer->frequency;
	double		sum = 0;
	double		y;
	double		z;

	for (y = -130; y <= 12; y += 0.125)
	{
		double		rate = exp(y);
		double		density = exp(r * log(alpha) + r * y - alpha * rate - lgamma(r));

		for (z = -110; z <= 90; z += 0.25)
		{
			double		p = 1 / (1 + exp(-z));
			double		rest = 1 / (1 + exp(z));
			double		beta = exp(a * log(p) + b * log(rest) - lgamma(a) - lgamma(b) + lgamma(a + b));
			double		bought = pow(rest, x) * exp(x * y - rate * customer->t);

			if (x > 0)
				bought += p * pow(rest, x - 1) * exp(x * y - rate * customer->value);
			sum += density * beta * bought;
		}
	}
	return sum * 0.125 * 0.25;
}

/*
 * The density of a mean of x amounts: Gamma(px, rate nu x) of nu, its mean over
 * nu, by the trapezoidal rule.
 */
static double
brute_gamma_gamma(const double *value, const LifetimeCustomers *customer)
{
	double		p = value[LIFETIME_P];
	double		q = value[LIFETIME_Q];
	double		v = value[LIFETIME_V];
	double		x = customer->frequency;
	double		m = customer->value;
	double		sum = 0;
	double		y;

	for (y = -40; y <= 12; y += 1 / 64.0)
	{
		double		nu = exp(y);

		sum += exp(q * log(v) + q * y - v * nu - lgamma(q) +
				   p * x * log(nu * x) + (p * x - 1) * log(m) - nu * x * m - lgamma(p * x));
	}
	return sum / 64;
}

/* Purchases expected of one who is alive: see lifetime.c, but finely */
static double
brute_alive(const double *value, double horizon, double x, double t)
{
	double		a = value[LIFETIME_A];
	double		b = value[LIFETIME_B] + x;
	double		k = value[LIFETIME_R] + x;
	double		w = horizon / (value[LIFETIME_ALPHA] + t);
	double		sum = 0;
	double		weights = 0;
	double		y;

	for (y = -400; y <= 60; y += 1 / 64.0)
	{
		double		p = 1 / (1 + exp(-y));
		double		weight = exp(lgamma(a + b) - lgamma(a) - lgamma(b) -
								 a * log1p(exp(-y)) - b * (y < 30 ? log1p(exp(y)) : y));

		sum += weight * -expm1(-k * log1p(p * w)) / p;
		weights += weight;
	}
	return sum / weights;
}

static void
test_likelihood(void)
{
	static const double bgnbd_value[3][4] = {
		{0.243, 4.414, 0.793, 2.426}, {2.5, 10, 0.3, 0.4}, {1, 20, 3, 5}
	};
	static const double spend_value[2][4] = {{6.25, 3.74, 15.44, 0}, {0.7, 1.2, 3, 0}};
	static const LifetimeCustomers customers[] = {
		{38.86, 0, 0, 1}, {38.86, 30.43, 2, 1}, {31, 31, 1, 1}, {12, 3, 9, 1}, {5, 0, 2, 1}, {0, 0, 0, 1}
	};
	static const LifetimeCustomers spenders[] = {
		{0, 22.345, 2, 1}, {0, 0.01, 1, 1}, {0, 300, 11, 1}
	};
	double		log_likelihood;
	double		gradient[4];
	double		hessian[4][4];
	size_t		i;
	size_t		j;

	for (i = 0; i < 3; i++)
		for (j = 0; j < 6; j++)
		{
			CHECK(lifetime_likelihood(&memory_plain, LIFETIME_BGNBD, &customers[j], 1,
									  bgnbd_value[i], &log_likelihood, gradient, hessian));
			CHECK(near(exp(log_likelihood), brute_bgnbd(bgnbd_value[i], &customers[j]), 1e-9));
		}
	for (i = 0; i < 2; i++)
		for (j = 0; j < 3; j++)
		{
			CHECK(lifetime_likelihood(&memory_plain, LIFETIME_GAMMA_GAMMA, &spenders[j], 1,
									  spend_value[i], &log_likelihood, gradient, hessian));
			CHECK(near(exp(log_likelihood), brute_gamma_gamma(spend_value[i], &spenders[j]), 1e-9));
		}
}

/* Both derivatives against differences of what they are derivatives of */
static void
test_derivatives(void)
{
	static const double value[2][3][4] = {
		{{0.243, 4.414, 0.793, 2.426}, {2.5, 10, 0.3, 0.4}, {5, 20, 13, 50}},
		{{6.25, 3.74, 15.44, 0}, {0.7, 1.2, 3, 0}, {20, 9, 4, 0}}
	};
	LifetimeCustomers customers[300];
	int			model;
	int			which;

	for (model = 0; model < 2; model++)
	{
		int			n = lifetime_parameter_count((LifetimeModel) model);
		size_t		used = model == LIFETIME_BGNBD ?
			draw_customers(3, value[0][0], customers, 300) :
			draw_spenders(3, value[1][0], customers, 300);

		CHECK(lifetime_compact(&memory_plain, customers, 0, &used));
		for (which = 0; which < 3; which++)
		{
			const double *at = value[model][which];
			double		here;
			double		gradient[4];
			double		hessian[4][4];
			int			i;
			int			j;

			CHECK(lifetime_likelihood(&memory_plain, (LifetimeModel) model, customers, used,
									  at, &here, gradient, hessian));
			for (i = 0; i < n; i++)
			{
				double		step = 1e-4 * at[i];
				double		level[4];
				double		slope[4][4];
				double		unused[4][4];

				/* at -2, -1, 1, 2 steps: right to the fourth order */
				for (j = 0; j < 4; j++)
				{
					double		moved[4];

					memcpy(moved, at, sizeof(moved));
					moved[i] += step * (j < 2 ? j - 2 : j - 1);
					CHECK(lifetime_likelihood(&memory_plain, (LifetimeModel) model, customers, used,
											  moved, &level[j], slope[j], unused));
				}
				CHECK(fabs((level[0] - 8 * level[1] + 8 * level[2] - level[3]) / (12 * step) - gradient[i]) <
					  1e-7 * (fabs(gradient[i]) + fabs(here) / at[i]));
				for (j = i; j < n; j++)
					CHECK(fabs((slope[0][j] - 8 * slope[1][j] + 8 * slope[2][j] - slope[3][j]) / (12 * step) -
							   hessian[i][j]) < 1e-7 * (fabs(hessian[i][j]) + fabs(here) / (at[i] * at[j])));
			}
		}
	}
}

/* Equal customers are one with a count, whatever came in between */
static void
test_compact(void)
{
	static LifetimeCustomers one[5000];
	static LifetimeCustomers other[5000];
	Random		random;
	size_t		used = 5000;
	size_t		again = 5000;
	size_t		few;
	size_t		i;
	uint64_t	count = 0;

	random_start(&random, 9, 0);
	for (i = 0; i < 5000; i++)
	{
		one[i].frequency = random_below(&random, 5);
		one[i].t = random_below(&random, 20);
		one[i].value = random_below(&random, 20);
		one[i].count = 1 + random_below(&random, 3);
	}
	memcpy(other, one, sizeof(one));
	shuffle(1, other, 5000);
	CHECK(lifetime_compact(&memory_plain, one, 0, &used));

	/* Sorted in parts that arrive one after the other */
	few = 1777;
	CHECK(lifetime_compact(&memory_plain, other, 0, &few));
	memmove(other + few, other + 1777, (5000 - 1777) * sizeof(other[0]));
	again = few + 5000 - 1777;
	CHECK(lifetime_compact(&memory_plain, other, few, &again));
	CHECK(used == again && used < 2000 && memcmp(one, other, used * sizeof(one[0])) == 0);
	for (i = 0; i < used; i++)
	{
		count += one[i].count;
		CHECK(i == 0 || one[i - 1].frequency < one[i].frequency ||
			  (one[i - 1].frequency == one[i].frequency &&
			   (one[i - 1].t < one[i].t || (one[i - 1].t == one[i].t && one[i - 1].value < one[i].value))));
	}
	CHECK(count > 9000 && count < 11000);

	/* Counts past 2^32 - 1 are in several full ones and a rest. */
	for (i = 0; i < 3; i++)
	{
		memset(&one[i], 0, sizeof(one[i]));
		one[i].count = i == 1 ? 5 : UINT32_MAX - 4;
	}
	used = 3;
	CHECK(lifetime_compact(&memory_plain, one, 0, &used));
	CHECK(used == 2 && one[0].count == UINT32_MAX && one[1].count == UINT32_MAX - 3);
	used = 0;
	CHECK(lifetime_compact(&memory_plain, one, 0, &used) && used == 0);
}

/* Counted together, customers weigh what they weigh one by one. */
static void
test_counts(void)
{
	static const double known[2][4] = {{0.6, 12, 0.8, 2.5}, {6.25, 3.74, 15.44, 0}};
	static LifetimeCustomers customers[3000];
	int			model;

	for (model = 0; model < 2; model++)
	{
		int			n = lifetime_parameter_count((LifetimeModel) model);
		double		level[2];
		double		gradient[2][4];
		double		hessian[2][4][4];
		size_t		used = 3000;
		int			i;
		int			j;

		if (model == LIFETIME_BGNBD)
			draw_customers(6, known[0], customers, used);
		else
			draw_spenders(6, known[1], customers, used);
		for (i = 0; i < 3000; i++)
		{
			customers[i].t = ceil(customers[i].t / 25);
			customers[i].value = ceil(customers[i].value / 25);
		}
		CHECK(lifetime_likelihood(&memory_plain, (LifetimeModel) model, customers, used, known[model],
								  &level[0], gradient[0], hessian[0]));
		CHECK(lifetime_compact(&memory_plain, customers, 0, &used) && used < 1000);
		CHECK(lifetime_likelihood(&memory_plain, (LifetimeModel) model, customers, used, known[model],
								  &level[1], gradient[1], hessian[1]));
		CHECK(near(level[0], level[1], 1e-12));
		for (i = 0; i < n; i++)
		{
			CHECK(near(gradient[0][i], gradient[1][i], 1e-9));
			for (j = i; j < n; j++)
				CHECK(near(hessian[0][i][j], hessian[1][i][j], 1e-9));
		}
	}
}

/*
 * Parameters known are found again within three standard errors, and the
 * errors are as large as what differs between fits of other customers.
 */
static void
test_recovery(void)
{
	static const double known[2][4] = {{0.6, 12, 0.8, 2.5}, {6.25, 3.74, 15.44, 0}};
	static LifetimeCustomers customers[2000];
	enum
	{
		FITS = 40
	};
	int			model;

	for (model = 0; model < 2; model++)
	{
		int			n = lifetime_parameter_count((LifetimeModel) model);
		double		mean[4] = {0};
		double		square[4] = {0};
		double		error[4] = {0};
		int			outside = 0;
		int			fits;
		int			i;

		for (fits = 0; fits < FITS; fits++)
		{
			LifetimeFit fit;

			if (model == LIFETIME_BGNBD)
				draw_customers(100 + (uint64_t) fits, known[0], customers, 2000);
			else
				draw_spenders(100 + (uint64_t) fits, known[1], customers, 2000);
			CHECK(fit_all((LifetimeModel) model, customers, 2000, &fit) == LIFETIME_FITTED);
			CHECK(fit.customers == 2000 && fit.iterations > 0 && fit.iterations < 20 && fit.gradient < 1e-6);
			for (i = 0; i < n; i++)
			{
				/* By logarithms, in which the likelihood is nearer to a parabola. */
				double		off = log(fit.value[i] / known[model][i]);
				double		own = fit.standard_error[i] / fit.value[i];

				outside += fabs(off) > 3 * own;
				mean[i] += off / FITS;
				square[i] += off * off / FITS;
				error[i] += own / FITS;
			}
		}

		/* Of 160 and 120, 0.4 and 0.3 are to be expected. */
		CHECK(outside <= 3);
		for (i = 0; i < n; i++)
		{
			double		spread = sqrt(square[i] - mean[i] * mean[i]);

			/* 40 fits give a spread to 11 %. */
			CHECK(error[i] > spread / 1.4 && error[i] < spread * 1.4);
			CHECK(fabs(mean[i]) < 4 * spread / sqrt(FITS));
		}
	}
}

/*
 * Many customers, of whom a part finds the way: the place is a top all the
 * same, and the fit is the same to the bit in any order.
 */
static void
test_many(void)
{
	enum
	{
		MANY = 60000
	};
	static const double known[4] = {0.6, 12, 0.8, 2.5};
	LifetimeCustomers *customers = malloc(MANY * sizeof(LifetimeCustomers));
	LifetimeFit fit;
	LifetimeFit again;
	LifetimeFit scaled;
	double		top;
	double		gradient[4];
	double		hessian[4][4];
	size_t		i;
	int			j;

	CHECK(customers != NULL);
	draw_customers(7, known, customers, MANY);
	CHECK(fit_all(LIFETIME_BGNBD, customers, MANY, &fit) == LIFETIME_FITTED);
	for (j = 0; j < 4; j++)
		CHECK(fabs(fit.value[j] - known[j]) < 3 * fit.standard_error[j]);
	CHECK(lifetime_likelihood(&memory_plain, LIFETIME_BGNBD, customers, MANY, fit.value,
							  &top, gradient, hessian));
	CHECK(near(fit.log_likelihood, top, 1e-12));
	for (j = 0; j < 8; j++)
	{
		double		moved[4];
		double		there;

		memcpy(moved, fit.value, sizeof(moved));
		moved[j / 2] *= j % 2 ? 1.0001 : 0.9999;
		CHECK(lifetime_likelihood(&memory_plain, LIFETIME_BGNBD, customers, MANY, moved,
								  &there, gradient, hessian));
		CHECK(there < top);
	}

	shuffle(8, customers, MANY);
	CHECK(fit_all(LIFETIME_BGNBD, customers, MANY, &again) == LIFETIME_FITTED);
	CHECK(memcmp(fit.value, again.value, sizeof(fit.value)) == 0);
	CHECK(memcmp(fit.standard_error, again.standard_error, sizeof(fit.standard_error)) == 0);
	CHECK(fit.log_likelihood == again.log_likelihood);

	/* Another unit of time changes alpha, and the density by its unit. */
	for (i = 0; i < MANY; i++)
	{
		customers[i].t *= 7;
		customers[i].value *= 7;
	}
	CHECK(fit_all(LIFETIME_BGNBD, customers, MANY, &scaled) == LIFETIME_FITTED);
	for (j = 0; j < 4; j++)
	{
		CHECK(near(scaled.value[j], fit.value[j] * (j == LIFETIME_ALPHA ? 7 : 1), 1e-9));
		CHECK(near(scaled.standard_error[j], fit.standard_error[j] * (j == LIFETIME_ALPHA ? 7 : 1), 1e-9));
	}
	free(customers);
}

/* Units as far out as doubles go */
static void
test_units(void)
{
	static const double units[] = {1e-300, 1e-12, 1e15, 1e300};
	static const double known[2][4] = {{0.6, 12, 0.8, 2.5}, {6.25, 3.74, 15.44, 0}};
	static LifetimeCustomers customers[1500];
	size_t		i;
	size_t		j;
	int			model;

	for (model = 0; model < 2; model++)
	{
		LifetimeFit fit;
		LifetimeFit far;
		int			unit = model == LIFETIME_BGNBD ? LIFETIME_ALPHA : LIFETIME_V;

		for (i = 0; i <= 4; i++)
		{
			if (model == LIFETIME_BGNBD)
				draw_customers(5, known[0], customers, 1500);
			else
				draw_spenders(5, known[1], customers, 1500);
			for (j = 0; i > 0 && j < 1500; j++)
			{
				customers[j].t *= units[i - 1];
				customers[j].value *= units[i - 1];
			}
			CHECK(fit_all((LifetimeModel) model, customers, 1500, i == 0 ? &fit : &far) == LIFETIME_FITTED);
			if (i > 0)
			{
				CHECK(near(far.value[0], fit.value[0], 1e-9));
				CHECK(near(far.value[unit], fit.value[unit] * units[i - 1], 1e-9));
			}
		}
	}
}

static bool
stop(void *arg)
{
	return (*(int *) arg)-- > 0;
}

/* Where there is no maximum, the fit says so */
static void
test_no_maximum(void)
{
	static const double loyal[4] = {0.6, 12, 0, 1};
	static LifetimeCustomers customers[2000];
	LifetimeFit fit;
	LifetimeLimit limit;
	Memory		patient = memory_plain;
	int			patience;
	size_t		used;
	size_t		i;

	CHECK(lifetime_fit(&memory_plain, LIFETIME_BGNBD, customers, 0, &fit, &limit) == LIFETIME_TOO_FEW);
	CHECK(fit.customers == 0);
	draw_customers(1, loyal, customers, 2000);
	CHECK(fit_all(LIFETIME_BGNBD, customers, 1, &fit) == LIFETIME_TOO_FEW);
	CHECK(fit_all(LIFETIME_BGNBD, customers, 2, &fit) != LIFETIME_FITTED);

	/* Nobody leaves. */
	draw_customers(1, loyal, customers, 2000);
	used = 2000;
	CHECK(lifetime_compact(&memory_plain, customers, 0, &used));
	CHECK(lifetime_fit(&memory_plain, LIFETIME_BGNBD, customers, used, &fit, &limit) == LIFETIME_NOT_CONVERGED);
	CHECK((limit.parameter == LIFETIME_A && !limit.to_infinity) ||
		  (limit.parameter == LIFETIME_B && limit.to_infinity));

	/* Told to stop, it does, wherever it is. */
	patient.may_go_on = stop;
	patient.arg = &patience;
	for (i = 0; i < 2000; i++)
		customers[i].count = 1;
	patience = 0;
	CHECK(lifetime_fit(&patient, LIFETIME_BGNBD, customers, 2000, &fit, &limit) == LIFETIME_NOT_CONVERGED);

	/* Nobody comes back; nobody was there for any time; all come back at once. */
	for (i = 0; i < 2000; i++)
		customers[i] = (LifetimeCustomers) {1 + i % 50, 0, 0, 1};
	CHECK(fit_all(LIFETIME_BGNBD, customers, 2000, &fit) == LIFETIME_NO_REPEAT);
	for (i = 0; i < 2000; i++)
		customers[i] = (LifetimeCustomers) {0, 0, i % 3, 1};
	CHECK(fit_all(LIFETIME_BGNBD, customers, 2000, &fit) == LIFETIME_NOT_CONVERGED);
	for (i = 0; i < 2000; i++)
		customers[i] = (LifetimeCustomers) {50, 50, 5, 1};
	CHECK(fit_all(LIFETIME_BGNBD, customers, 2000, &fit) == LIFETIME_NOT_CONVERGED);

	/* Everybody spends the same, or a single amount each. */
	for (i = 0; i < 2000; i++)
		customers[i] = (LifetimeCustomers) {0, 20, 1 + i % 4, 1};
	CHECK(fit_all(LIFETIME_GAMMA_GAMMA, customers, 2000, &fit) == LIFETIME_NOT_CONVERGED);
}

/* With many, told to stop means failure */
static void
test_stopping(void)
{
	static const double known[4] = {0.6, 12, 0.8, 2.5};
	static LifetimeCustomers customers[30000];
	static LifetimeCustomers copy[30000];
	LifetimeFit fit;
	LifetimeLimit limit;
	Memory		patient = memory_plain;
	int			patience;
	int			rounds;
	bool		finished = false;

	draw_customers(2, known, customers, 30000);
	patient.may_go_on = stop;
	patient.arg = &patience;
	for (rounds = 0; !finished && rounds < 2000; rounds = rounds * 2 + 1)
	{
		size_t		used = 30000;

		memcpy(copy, customers, sizeof(copy));
		patience = rounds;
		if (!lifetime_compact(&patient, copy, 0, &used))
			continue;
		finished = lifetime_fit(&patient, LIFETIME_BGNBD, copy, used, &fit, &limit) == LIFETIME_FITTED;
		CHECK(finished || patience < 0);
	}
	CHECK(rounds > 10 && finished);
}

static void
test_predictions(void)
{
	static const double values[][4] = {
		{0.243, 4.414, 0.793, 2.426},	/* as published */
		{0.243, 4.414, 1, 2.426},	/* where the paper's formula divides 0 by 0 */
		{0.243, 4.414, 1 + 1e-9, 2.426},
		{2.5, 10, 0.3, 0.4},		/* a + b < 1: no series */
		{50, 10, 0.5, 3},			/* alternating series */
		{0.1, 5, 0.2, 900},			/* what is left of large terms */
		{1, 20, 300, 500},
		{0.7, 60, 0.1, 2.4}
	};
	static const double customers[][3] = {
		{0, 0, 0}, {0, 0, 38.86}, {1, 1.71, 38.86}, {2, 30.43, 38.86}, {29, 38, 38.86}, {5000, 300, 301}
	};
	static const double horizons[] = {1e-9, 0.5, 39, 1000, 1e6};
	LifetimeFit fit = fit_of(LIFETIME_BGNBD, BGNBD_PUBLISHED);
	LifetimeFit spend = fit_of(LIFETIME_GAMMA_GAMMA, "p=6.25 q=3.74 v=15.44");
	double		amount;
	size_t		i;
	size_t		j;
	size_t		k;

	/* Fader, Hardie, Lee (2005): 1.226 */
	CHECK(fabs(lifetime_purchases(&fit, 39, 2, 30.43, 38.86) - 1.22603) < 5e-6);

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		fit = bgnbd(values[i][0], values[i][1], values[i][2], values[i][3]);
		for (j = 0; j < sizeof(customers) / sizeof(customers[0]); j++)
		{
			double		x = customers[j][0];
			double		s = customers[j][1];
			double		t = customers[j][2];
			double		alive = lifetime_alive(&fit, x, s, t);
			double		before = 0;

			/* p_alive: 1 over 1 and the odds as the paper on it has them */
			if (x > 0)
				CHECK(near(1 / alive - 1, values[i][2] / (values[i][3] + x - 1) *
						   pow((values[i][1] + t) / (values[i][1] + s), values[i][0] + x), 1e-9) || alive == 1);
			else
				CHECK(alive == 1);

			CHECK(lifetime_purchases(&fit, 0, x, s, t) == 0);
			for (k = 0; k < sizeof(horizons) / sizeof(horizons[0]); k++)
			{
				double		expected = lifetime_purchases(&fit, horizons[k], x, s, t);

				CHECK(near(expected, brute_alive(values[i], horizons[k], x, t) * alive, 3e-11));
				CHECK(expected >= before);
				before = expected;
			}
		}
	}

	/* No seam where another way of reckoning begins, in the horizon and r */
	fit = bgnbd(0.243, 4.414, 0.793, 2.426);
	CHECK(near(lifetime_purchases(&fit, 20 * 14.414, 3, 8, 10),
			   lifetime_purchases(&fit, nextafter(20 * 14.414, 1e9), 3, 8, 10), 1e-13));
	fit = bgnbd(2.219 + 1e-13, 4.414, 0.793, 2.426);
	amount = lifetime_purchases(&fit, 39, 3, 8, 10);
	fit = bgnbd(2.219 - 1e-13, 4.414, 0.793, 2.426);
	CHECK(near(lifetime_purchases(&fit, 39, 3, 8, 10), amount, 1e-12));

	/* The weighted mean of what all spend, pv / (q - 1), and what they did */
	CHECK(lifetime_spend(&spend, 0, 0, &amount));
	CHECK(near(amount, 6.25 * 15.44 / 2.74, 1e-14));
	CHECK(lifetime_spend(&spend, 2, 22.345, &amount));
	CHECK(near(amount, 2.74 / (2.74 + 12.5) * 6.25 * 15.44 / 2.74 + 12.5 / (2.74 + 12.5) * 22.345, 1e-14));
	spend.value[LIFETIME_Q] = 1;
	CHECK(!lifetime_spend(&spend, 0, 0, &amount));
	CHECK(lifetime_spend(&spend, 1, 5, &amount) && near(amount, 15.44 + 5, 1e-14));
}

/*
 * Customers made by the model: those who seem to have left have, and the
 * others buy as often as expected, to three standard errors.
 */
static void
test_simulation(void)
{
	static const double values[3][4] = {
		{0.243, 4.414, 0.793, 2.426}, {2, 30, 0.4, 0.3}, {0.8, 10, 1.5, 4}
	};
	enum
	{
		MANY = 40000
	};
	int			i;

	for (i = 0; i < 3; i++)
	{
		LifetimeFit fit = bgnbd(values[i][0], values[i][1], values[i][2], values[i][3]);
		Random		random;
		double		sums[2][2] = {{0}};	/* who bought since the first, or not */
		double		squares[2][2] = {{0}};
		double		customers[2] = {0};
		int			j;
		int			k;

		random_start(&random, 17, (uint64_t) i);
		for (j = 0; j < MANY; j++)
		{
			uint32_t	later;
			bool		alive;
			LifetimeCustomers customer = draw_customer(&random, values[i], 20 + 20 * random_unit(&random), 39, &alive, &later);
			double		off[2];
			int			back = customer.frequency > 0;

			off[0] = alive - lifetime_alive(&fit, customer.frequency, customer.value, customer.t);
			off[1] = later - lifetime_purchases(&fit, 39, customer.frequency, customer.value, customer.t);
			customers[back]++;
			for (k = 0; k < 2; k++)
			{
				sums[back][k] += off[k];
				squares[back][k] += off[k] * off[k];
			}
		}
		for (k = 0; k < 4; k++)
		{
			CHECK(customers[k / 2] > 1000);
			CHECK(fabs(sums[k / 2][k % 2]) <= 3 * sqrt(squares[k / 2][k % 2]));
		}
	}
}

/* Against a sum over fine steps, and where nothing is discounted */
static void
test_discount(void)
{
	static const double rates[] = {1e-12, 0.0005, 0.02, 0.5, 9, 1e6};
	static const double horizons[] = {0.3, 39, 4000};
	static const double values[3][4] = {
		{0.243, 4.414, 0.793, 2.426}, {80, 5, 2, 4}, {0.5, 0.001, 0.5, 0.3}
	};
	int			i;
	int			j;
	int			k;

	for (k = 0; k < 3; k++)
	{
		LifetimeFit fit = bgnbd(values[k][0], values[k][1], values[k][2], values[k][3]);

		CHECK(lifetime_discounted(&fit, 39, 0, 2, 30, 38) == lifetime_purchases(&fit, 39, 2, 30, 38));
		CHECK(lifetime_discounted(&fit, 0, 0.1, 2, 30, 38) == 0);
		for (i = 0; i < 6; i++)
			for (j = 0; j < 3; j++)
			{
				enum
				{
					STEPS = 2000
				};
				double		x = j;
				double		s = j * 10;
				double		t = j == 0 ? 0 : 38;
				double		end = fmin(horizons[j], 45 / log1p(rates[i]));
				double		before = 0;
				double		low = 0;
				double		high = 0;
				double		result = lifetime_discounted(&fit, horizons[j], rates[i], x, s, t);
				int			step;

				/* Steps that grow, from the first moments on */
				for (step = 1; step <= STEPS; step++)
				{
					double		from = end * pow((step - 1.0) / STEPS, 3);
					double		to = end * pow((double) step / STEPS, 3);
					double		until = lifetime_purchases(&fit, to, x, s, t);

					low += (until - before) * pow(1 + rates[i], -to);
					high += (until - before) * pow(1 + rates[i], -from);
					before = until;
				}
				CHECK(result >= low * (1 - 1e-9) && result <= high * (1 + 1e-9));
				CHECK(near((low + high) / 2, result, 5e-5));
			}
	}
}

/* Whatever parameters were typed in, predictions end and are not below 0. */
static void
test_extremes(void)
{
	static const double numbers[] = {DBL_MIN, 1e-20, 0.5, 1, 1e9, 1e20, DBL_MAX};
	static const double customers[][3] = {
		{0, 0, 0}, {3, 0, 0}, {3, 1, 2}, {4294967295.0, 1e300, 1e308}, {1, 1e-300, 1e300}
	};
	static const double horizons[] = {1e-300, 1, 1e308};
	int			i;
	size_t		j;
	size_t		k;
	bool		sound = true;

	for (i = 0; i < 7 * 7 * 7 * 7; i++)
	{
		LifetimeFit fit = bgnbd(numbers[i % 7], numbers[i / 7 % 7], numbers[i / 49 % 7], numbers[i / 343]);

		for (j = 0; j < 5; j++)
			for (k = 0; k < 3; k++)
			{
				double		alive = lifetime_alive(&fit, customers[j][0], customers[j][1], customers[j][2]);
				double		expected = lifetime_purchases(&fit, horizons[k], customers[j][0],
														  customers[j][1], customers[j][2]);

				sound = sound && !(alive < 0) && !(alive > 1) && !(expected < 0);
			}
	}
	CHECK(sound);
}

static void
test_forms(void)
{
	LifetimeFit fit;
	LifetimeFit again;
	LifetimeFaults faults;
	Random		random;
	char		text[LIFETIME_TEXT];
	unsigned char bytes[LIFETIME_BYTES];
	unsigned char back[LIFETIME_BYTES];
	size_t		size;
	int			i;
	int			j;
	static const char *const wrong[] = {
		"", "r=1", "r=1 alpha=1 a=1 b=0", "r=1 alpha=1 a=1 b=-1", "r=1 alpha=1 a=1 b=inf",
		"r=1 alpha=1 a=1 b=nan", "r=1 alpha=1 a=1 b=1 b=1", "r=1 alpha=1 a=1 b=1 c=1",
		"r=1 alpha=1 a=1 b=1 version=2", "version=1 version=1 r=1 alpha=1 a=1 b=1",
		"r=1 alpha=1 a=1 b=1x", "r=1 alpha=1 a=1 b=", "r=1 alpha=1 a=1 b", "r = 1 alpha=1 a=1 b=1",
		"r=1 alpha=1 a=1 b=1 se_r=-1", "r=1 alpha=1 a=1 b=1 customers=0.5",
		"r=1 alpha=1 a=1 b=1 customers=0", "r=1 alpha=1 a=1 b=1 customers=1e17",
		"r=1 alpha=1 a=1 b=1 iterations=-1", "r=1 alpha=1 a=1 b=1 iterations=3000000000",
		"r=1 alpha=1 a=1 b=1 log_likelihood=-inf", "r=1 alpha=1 a=1 b=1 gradient=-1",
		"r=1 alpha=1 a=1 b=1 se_q=1", "=1", "p=1 q=1 v=1"
	};

	for (i = 0; i < (int) (sizeof(wrong) / sizeof(wrong[0])); i++)
	{
		memset(&faults, 0, sizeof(faults));
		CHECK(!lifetime_read_text(LIFETIME_BGNBD, wrong[i], &fit, &faults));
		CHECK(faults.used > 0 && faults.text[faults.used] == '\0' && faults.text[faults.used - 1] == '.');
	}

	/* All that is wrong is said, as far as there is room. */
	memset(&faults, 0, sizeof(faults));
	CHECK(!lifetime_read_text(LIFETIME_BGNBD, "version=3 r=1 alpha=0 b=-1 c=2", &fit, &faults));
	CHECK(strcmp(faults.text, "The version of the format is 3; 1 is known. "
				 "There is no \"c\" in a fit of this kind. "
				 "The parameter alpha is 0, not a positive number. "
				 "The parameter a is missing. The parameter b is -1, not a positive number.") == 0);
	memset(text, 'x', sizeof(text));
	for (i = 1; i < (int) sizeof(text); i += 2)
		text[i] = ' ';
	text[sizeof(text) - 1] = '\0';
	memset(&faults, 0, sizeof(faults));
	CHECK(!lifetime_read_text(LIFETIME_BGNBD, text, &fit, &faults));
	CHECK(faults.used < sizeof(faults.text) && strlen(faults.text) == faults.used);

	/* Only the parameters: nothing else is known. */
	fit = fit_of(LIFETIME_BGNBD, BGNBD_PUBLISHED);
	CHECK(isnan(fit.standard_error[0]) && isnan(fit.log_likelihood) && fit.customers == -1 &&
		  fit.iterations == -1 && isnan(fit.gradient));
	lifetime_write_text(&fit, text);
	CHECK(strcmp(text, "version=1 " BGNBD_PUBLISHED) == 0);
	fit = fit_of(LIFETIME_GAMMA_GAMMA, " v=15.44,q=3.74,\n\tp=6.25 ");
	lifetime_write_text(&fit, text);
	CHECK(strcmp(text, "version=1 p=6.25 q=3.74 v=15.44") == 0);

	/* Both forms give the same bits back, and refuse any other length. */
	random_start(&random, 23, 0);
	for (i = 0; i < 2000; i++)
	{
		LifetimeModel model = i % 2 ? LIFETIME_BGNBD : LIFETIME_GAMMA_GAMMA;

		fit = fit_of(model, model == LIFETIME_BGNBD ? BGNBD_PUBLISHED : "p=1 q=1 v=1");
		for (j = 0; j < lifetime_parameter_count(model); j++)
		{
			fit.value[j] = exp(1400 * (random_unit(&random) - 0.5));
			fit.standard_error[j] = random_below(&random, 3) == 0 ? NAN : exp(1400 * (random_unit(&random) - 0.5));
		}
		fit.log_likelihood = random_below(&random, 3) == 0 ? NAN : 1e9 * (random_unit(&random) - 0.5);
		fit.customers = random_below(&random, 3) == 0 ? -1 : (int64_t) (random_bits(&random) >> 11) + 1;
		fit.iterations = (int32_t) random_below(&random, 1000) - 1;
		fit.gradient = random_below(&random, 3) == 0 ? NAN : random_unit(&random);

		size = lifetime_write_bytes(&fit, bytes);
		CHECK(size <= LIFETIME_BYTES);
		lifetime_write_text(&fit, text);
		memset(&faults, 0, sizeof(faults));
		CHECK(lifetime_read_text(model, text, &again, &faults));
		CHECK(lifetime_write_bytes(&again, back) == size && memcmp(bytes, back, size) == 0);
		CHECK(lifetime_read_bytes(model, bytes, size, &again, &faults));
		CHECK(lifetime_write_bytes(&again, back) == size && memcmp(bytes, back, size) == 0);
		CHECK(!lifetime_read_bytes(model, bytes, random_below(&random, (uint32_t) size), &again, &faults));
		memset(&faults, 0, sizeof(faults));
		CHECK(!lifetime_read_bytes(model == LIFETIME_BGNBD ? LIFETIME_GAMMA_GAMMA : LIFETIME_BGNBD,
								   bytes, size, &again, &faults));
	}
}

static void
test_state(void)
{
	static const double known[2][4] = {{0.6, 12, 0.8, 2.5}, {6.25, 3.74, 15.44, 0}};
	static LifetimeCustomers customers[1000];
	static unsigned char bytes[LIFETIME_STATE_HEAD + 1000 * LIFETIME_STATE_CUSTOMERS];
	int			i;

	for (i = 0; i < 2; i++)
	{
		LifetimeCustomers *back;
		LifetimeFaults faults = {0};
		LifetimeModel model;
		size_t		used = i == LIFETIME_BGNBD ? draw_customers(4, known[0], customers, 1000) :
			draw_spenders(4, known[1], customers, 1000);
		size_t		size = (size_t) (lifetime_write_state((LifetimeModel) i, customers, used, bytes) - bytes);
		size_t		read;

		CHECK(lifetime_read_state(&memory_plain, bytes, size, &model, &back, &read, &faults));
		CHECK(model == (LifetimeModel) i && read == used && memcmp(customers, back, sizeof(customers)) == 0);
		free(back);
		CHECK(!lifetime_read_state(&memory_plain, bytes, size - 1, &model, &back, &read, &faults) && back == NULL);

		/* Customers that the aggregate would refuse, or none, are refused here. */
		customers[500].count = 0;
		lifetime_write_state((LifetimeModel) i, customers, used, bytes);
		CHECK(!lifetime_read_state(&memory_plain, bytes, size, &model, &back, &read, &faults));
		customers[500].count = 1;
		customers[500].value = i == LIFETIME_BGNBD ? customers[500].t + 1 : -1;
		customers[500].frequency = 1;
		lifetime_write_state((LifetimeModel) i, customers, used, bytes);
		memset(&faults, 0, sizeof(faults));
		CHECK(!lifetime_read_state(&memory_plain, bytes, size, &model, &back, &read, &faults));
		CHECK(faults.used > 0);
	}
}

static void
test_checks(void)
{
	LifetimeFaults faults = {0};

	lifetime_check_frequency(3, &faults);
	lifetime_check_times(3, 2, 2, &faults);
	lifetime_check_times(0, 0, 0, &faults);
	lifetime_check_monetary(0, 0, &faults);
	lifetime_check_monetary(1, 1e-9, &faults);
	lifetime_check_ahead(0, 0, &faults);
	CHECK(faults.used == 0);

	lifetime_check_frequency(1.5, &faults);
	lifetime_check_times(1.5, 40, 38, &faults);
	lifetime_check_monetary(1.5, -2, &faults);
	lifetime_check_ahead(-1, NAN, &faults);
	CHECK(strcmp(faults.text, "The frequency 1.5 is not a whole number. "
				 "The recency 40 is longer than the time t, 38. The mean amount -2 is negative. "
				 "The horizon -1 is negative. The discount rate is NaN, not a share.") == 0);
}

int
main(void)
{
	test_likelihood();
	test_derivatives();
	test_compact();
	test_counts();
	test_recovery();
	test_many();
	test_units();
	test_no_maximum();
	test_stopping();
	test_predictions();
	test_simulation();
	test_discount();
	test_extremes();
	test_forms();
	test_state();
	test_checks();
	return check_report();
}

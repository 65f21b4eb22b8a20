/*-------------------------------------------------------------------------
 *
 * special.h
 *	  Functions of mathematics that the C library does not have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_SPECIAL_H
#define PROMO_SPECIAL_H

/* ln Gamma(x), x > 0, without the global sign that lgamma() leaves behind. */
extern double special_log_gamma(double x);

/*
 * The first and second derivative of ln Gamma(x), x > 0.  Upwards by the
 * recurrences psi(x) = psi(x + 1) - 1/x and psi'(x) = psi'(x + 1) + 1/x^2
 * (Abramowitz and Stegun 6.3.5, 6.4.6) to where the asymptotic series (6.3.18,
 * 6.4.12) holds to the last bits.
 */
extern double special_digamma(double x);
extern double special_trigamma(double x);

/*
 * The upper incomplete gamma function over Gamma(a), a > 0, x >= 0, and with it
 * the probability that chi-square of n degrees of freedom is beyond c, which
 * is special_gamma_upper(n / 2, c / 2).  By the series (Abramowitz and Stegun
 * 6.5.29) below a + 1, and by the continued fraction (6.5.31) from there;
 * relative errors grow with a, to 1e-12 at 10,000.
 */
extern double special_gamma_upper(double a, double x);

/* The normal distribution: P(Z <= z), and the z below which p lies, 0 < p < 1. */
extern double special_normal(double z);
extern double special_normal_quantile(double p);

/*
 * Student's t of any degrees of freedom df > 0, infinity for the normal: the
 * probability that |T| is at least |t|, and the t > 0 that |T| passes with
 * probability p, 0 < p <= 1.  By the continued fraction of the incomplete
 * beta function (Digital Library of Mathematical Functions, 8.17.22), beyond
 * 1,000 degrees of freedom by Hill's expansion; relative errors below 1e-11
 * for tails above 1e-100.
 */
extern double special_student_tails(double t, double df);
extern double special_student_quantile(double p, double df);

#endif							/* PROMO_SPECIAL_H */

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

#endif							/* PROMO_SPECIAL_H */

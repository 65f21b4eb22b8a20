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

#endif							/* PROMO_SPECIAL_H */

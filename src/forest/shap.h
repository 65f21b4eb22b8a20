/*-------------------------------------------------------------------------
 *
 * shap.h
 *	  What each feature of a row contributed to a forest's prediction.
 *
 * Contributions are Shapley values of the game in which the players are the
 * features of the row.  Its value for a coalition S is what the trees predict
 * when only the features in S are known: a node that asks for another one
 * sends the row both ways, in the proportion of the training rows that went
 * there (Lundberg, Erion, Lee, "Consistent individualized feature attribution
 * for tree ensembles", 2018, algorithm 1).  The empty coalition's value is the
 * base, the mean prediction of the training rows as the trees drew them; base
 * and contributions sum to the prediction, and a feature that no split asks
 * for has exactly 0.  Of a model that sums up it is the margin that is
 * explained, in which the trees' games add up.
 *
 * The way to it is our own.  A leaf of value v, whose path asks for features
 * F, takes part in the game as v times the product over j in F of o_j where j
 * is known and z_j where not: o_j is 1 when the row passes all tests of j on
 * the path, else 0, and z_j is the product of the shares of rows that went on
 * at these tests.  Shapley's weight s!(d-1-s)!/d! for a coalition of s among d
 * is the integral of t^s (1-t)^(d-1-s) over [0, 1], so feature i gets
 *
 *		v (o_i - z_i) integral of the product over j in F, j <> i,
 *				of f_j(t) = o_j t + z_j (1 - t).
 *
 * The integrand is a polynomial of degree d - 1, for which the quadrature of
 * Gauss and Legendre is exact with d / 2 points.  At each point the products
 * along a path are one running number, multiplied on the way down and divided
 * by f_i where i is left out, and the sums over the leaves below a node are
 * gathered on the way up.  So a row costs nodes times d / 2 steps instead of
 * leaves times d squared, all numbers are positive, and nothing cancels.
 *
 * Plain C.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_FOREST_SHAP_H
#define PROMO_FOREST_SHAP_H

#include "forest/forest.h"

/*
 * shap_explain(memory, forest, row, class, base, contributions)
 *
 * Explains the prediction of one row, binned by forest_bin_row: its value, or
 * the share of the class.  Sets *base and one contribution for each feature.
 * Their sum is the output of forest_predict, up to rounding.  Of a model whose
 * link is not FOREST_MEAN their sum is the margin of forest_margins: that of
 * the class, and for the first of two classes the second's with its sign
 * turned.
 *
 * Gives FOREST_OK, FOREST_NO_MEMORY or FOREST_STOPPED.
 */
extern ForestStatus shap_explain(const Memory *memory, const Forest *forest,
								 const uint8_t *row, uint32_t class,
								 double *base, double *contributions);

/*
 * shap_points(n)
 *
 * Points of the quadrature for paths that ask for n different features.
 */
extern uint32_t shap_points(uint32_t n);

/*
 * shap_quadrature(points, n, weights)
 *
 * The n points of Gauss and Legendre on [0, 1], ascending, and their weights.
 */
extern void shap_quadrature(double *points, uint32_t n, double *weights);

#endif							/* PROMO_FOREST_SHAP_H */

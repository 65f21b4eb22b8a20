/*-------------------------------------------------------------------------
 *
 * price_work.h
 *	  What the files of the engine share while they price one cart.
 *
 * An Entry stands for a candidate.  What it may touch is found once; applying
 * it to a Units is then a matter of a few lines, however often a search does
 * so.  Whatever fails sets the status and gives false, and all above gives
 * false as well.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PROMO_PRICE_WORK_H
#define PROMO_PRICE_WORK_H

#include "coupon/price.h"
#include "coupon/share.h"
#include "coupon/units.h"

/* Memory that lasts until the cart is priced, or to a mark */
typedef struct PriceBlock PriceBlock;

typedef struct PriceMark
{
	PriceBlock *block;
	size_t		used;
} PriceMark;

/* A group of promotions, or of those that use units */
typedef struct PriceGroup
{
	Word		name;
	int			most;			/* promotions */
	int			count;			/* that apply */
} PriceGroup;

typedef struct Entry
{
	const Promotion *promotion;
	const PriceCandidate *candidate;
	int			index;			/* of the candidate */
	int			rank;			/* in the order of application */
	int			lane;			/* PRICE_SHIPPING_LANE if it does nothing but
								 * ship */
	PromotionClass class;
	bool		late;			/* whether it may apply, or how much it takes,
								 * is known only when its turn comes */
	bool		eligible;		/* nothing says that it may not, so far */
	bool		applied;
	Reason		reason;			/* why not; REASON_NONE as long as nothing says
								 * so */
	int			winner;			/* candidate that it lost to, or -1 */
	int			failure;
	int			failures;

	bool	  **selected;		/* by action and line, whether it is for it;
								 * NULL for all lines */
	bool	  **get_selected;
	uint64_t   *consumes;		/* by action: a bit of the group, or 0 */
	bool	   *lines;			/* lines that any of its actions may change or
								 * use */
	bool		ships;			/* it may change shipping */
	int64_t		allowance;		/* of budgets; INT64_MAX where none is */
	bool		partial;		/* gives what is left of them */
	bool		goods_only;

	int		   *groups;			/* of pricing->groups, as the promotion has them */

	bool		alone_known;	/* for the units that its stage starts from */
	int64_t		alone;			/* what it takes off alone */
	bool		alone_acts;		/* it takes, gives or issues anything */
	int64_t		alone_most;		/* what it takes off where budgets do not refuse */
	bool		alone_bounds;	/* after others it takes no more than that */
	PriceFailure alone_why;		/* not */
} Entry;

/* What applying a promotion came to */
typedef struct Effect
{
	int64_t		goods;
	int64_t		shipping;
	int64_t		asked;			/* both, before a budget refused them */
	bool		acts;			/* takes, gives or issues anything */
	PriceFailure why;			/* not */
} Effect;

typedef struct Pricing
{
	const Memory *memory;
	const Cart *cart;
	const PricePolicy *policy;
	PriceOutcome *outcome;
	PriceStatus status;
	PriceBlock *blocks;

	int			lines;
	int64_t		quantity;		/* of all, thousandths */
	int64_t    *value;			/* of each line */
	int64_t    *floor;			/* that no discount takes it below */
	int64_t    *units;			/* 0: its quantity is not whole */
	int		   *orders[PICKS];	/* lines by Pick */

	int			count;
	Entry	   *entries;		/* as the candidates stand */
	Entry	  **ranked;			/* in the order of application */
	int			group_count;
	PriceGroup *groups;

	Units		start;			/* before any discount */
	Units		now;			/* what is applied so far */
	Units		spare;			/* before the last application */
	Units		trial;			/* of one alone */
	Units		ahead;			/* of a stage, before it is applied for good */
	Units		base;			/* of a stage, as it starts */

	ShareSpace *space;
	Part	   *parts;			/* of the action at work */
	int			part_room;
	int64_t    *want;			/* by line, of the action at work */
	int64_t    *most;
	int64_t    *shared;
	int64_t    *weight;
	int64_t    *taken;			/* by line, by the action */

	bool		noting;			/* gifts, codes and steps */
	int			failure_room;
	int			applied_room;
	int			share_room;
	int			piece_room;
	int			gift_room;
	int			issue_room;
	int			step_room;
} Pricing;

/* Sets the status where none is set; always false. */
extern bool price_fail(Pricing *pricing, PriceStatus status);

/* Memory of zeros until the end of the call; NULL, and the status set. */
extern void *price_alloc(Pricing *pricing, size_t count, size_t size);

/* Frees what price_alloc gave since a mark. */
extern PriceMark price_mark(const Pricing *pricing);
extern void price_free_since(Pricing *pricing, PriceMark mark);

/* Room for one thing more in an array that the outcome keeps. */
extern bool price_room(Pricing *pricing, void **array, int count, int *room, size_t size);

/* An exact amount times a number as minor units, rounded; false: too large. */
extern bool price_minor(Pricing *pricing, const Decimal *amount, int64_t times, Rounding rounding,
						int64_t *minor);

/* condition.c: whether a line is one of those, NULL for all */
extern bool price_selects(const Select *select, const CartLine *line);

/*
 * Sum of the values of lines, before discounts or of what is left in units;
 * selected NULL for all.
 */
extern int64_t price_subtotal(const Pricing *pricing, const Units *units, const bool *selected,
							  bool after);

/* Thousandths */
extern int64_t price_quantity(const Pricing *pricing, const bool *selected);

/* Whether the basis is after_previous */
extern bool price_basis_is_after(const Pricing *pricing, Basis basis);

/*
 * Whether all conditions of a promotion hold; notes the failures of one whose
 * turn it is, where told to.
 */
extern bool price_conditions(Pricing *pricing, Entry *entry, const Units *units, bool note,
							 bool *hold);

/* Notes a failure of the entry, whose failures must be the latest ones. */
extern bool price_note(Pricing *pricing, Entry *entry, const PriceFailure *failure);

/* action.c: what a promotion takes from units; notes gifts, codes and steps. */
extern bool price_apply(Pricing *pricing, Entry *entry, Units *units, bool note, Effect *effect);

/* The percentage of an amount, rounded as the policy says */
extern bool price_percent(Pricing *pricing, const Decimal *percent, int64_t amount, int64_t *part);

/* The tax on an amount, or in it; half up */
extern bool price_tax(Pricing *pricing, const Decimal *percent, int64_t amount, bool included,
					  int64_t *tax);

/* What a line can still bear */
extern int64_t price_line_room(const Pricing *pricing, const Units *units, int line);

typedef struct Acting
{
	Pricing    *pricing;
	Entry	   *entry;
	const Action *action;
	int			number;			/* of the action */
	Units	   *units;
	Effect	   *effect;
	int64_t		allowance;		/* that budgets leave to the promotion */
	bool		note;
	int64_t		left;			/* of the action's own bound */
} Acting;

/*
 * Parts of the lines an action may touch, in its order, one line's next to each
 * other and those with most left first; those that a group used left out.
 * Lines by measure are left out unless measured.
 */
extern bool acting_parts(Acting *acting, const bool *selected, Pick pick, uint64_t used,
						 bool measured, int *count);

/* Keeps the first so many units of the parts; gives how many parts are left. */
extern int	parts_cut(Part *parts, int count, int64_t units);

extern int64_t parts_units(const Part *parts, int count);

/* Says why an action does nothing, where nothing said so before. */
extern void acting_why(Acting *acting, Reason reason, const Decimal *required, const Decimal *actual);

/*
 * Takes off each line's parts what want says of the line, within all bounds of
 * the action, the line and budgets.
 */
extern bool acting_take(Acting *acting, Part *parts, int count);

/* A bound of the action as minor units; INT64_MAX where there is none. */
extern bool acting_bound(Acting *acting, const Decimal *bound, int64_t times, int64_t *most);

/* action_units.c */
extern bool act_bundle(Acting *acting);
extern bool act_buy_get(Acting *acting);
extern bool act_cheapest_free(Acting *acting);
extern bool act_gift(Acting *acting);

/* record.c: what each unit of a line bore between two states, as pieces */
extern bool price_pieces(Pricing *pricing, const Units *before, const Units *after, int line,
						 int *piece, int *pieces);

/*
 * Applies an entry to what is applied so far, for good: notes its shares, gifts
 * and codes, or why it has none.
 */
extern bool price_commit(Pricing *pricing, Entry *entry);

/* The same for what it took between two states of the same cart. */
extern bool price_record(Pricing *pricing, Entry *entry, const Units *before, const Units *after,
						 const Effect *effect);

/* Says of an entry that was not chosen why it would do nothing now. */
extern bool price_explain(Pricing *pricing, Entry *entry);

/* Says that an entry lost to another one. */
extern void price_lost(Entry *entry, Reason reason, const Entry *winner);

/* Forgets all that was committed, and all that was noted on the way. */
extern void price_restart(Pricing *pricing, int failures);

/* combine.c: decides which promotions apply, and applies them */
extern bool price_combine(Pricing *pricing);

/* Entry pointers in the order of application, for qsort */
extern int	price_rank_order(const void *a, const void *b);

/*
 * Applies an entry to units for a try; notes nothing.  Its conditions are tried
 * again where they depend on what was taken.  Where it does not act the units
 * are as they were, and effect says why.
 */
extern bool combine_try(Pricing *pricing, Entry *entry, Units *units, Effect *effect);

/* What the entry takes alone from units, unless that is known */
extern bool combine_alone(Pricing *pricing, Entry *entry, const Units *units);

/* Whether two promotions may apply to one cart, but for groups */
extern bool combine_compatible(const Entry *a, const Entry *b);

/* Whether groups have room for an entry; counts it in, or out with -1. */
extern bool combine_has_room(const Pricing *pricing, const Entry *entry);
extern void combine_count(Pricing *pricing, const Entry *entry, int by);

/* Some entries of a stage, in the order of application */
typedef struct EntryList
{
	int			count;
	Entry	  **entry;
} EntryList;

/* best.c */

/*
 * The best combination of the list's entries, and the best order of all of
 * them; result has room for as many.
 */
extern bool best_combination(Pricing *pricing, const EntryList *list, EntryList *result);
extern bool best_order(Pricing *pricing, const EntryList *list, EntryList *result);

#endif							/* PROMO_PRICE_WORK_H */

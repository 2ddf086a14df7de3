/* Stripes in statements: between the files of catalog_*.c only. */
#ifndef STORAGED_CATALOG_STRIPE_INTERNAL_H
#define STORAGED_CATALOG_STRIPE_INTERNAL_H

/* Parts with the indexes from @low on, so many, that are nowhere. */
#define STRIPE_GONE(c, low, n)                                              \
	"(SELECT count(*) FROM chunks p WHERE p.file = " c ".file"          \
	" AND p.idx >= " low " AND p.idx < " low " + " n " AND p.code <> 0" \
	" AND NOT EXISTS (SELECT 1 FROM replicas r WHERE r.chunk = p.chunk))"

#define STRIPE_K(c) "(" c ".code >> 8)"
#define STRIPE_M(c) "(" c ".code & 255)"
#define STRIPE_S(c)               \
	"(iif(" c ".idx >= 0, " c \
	".idx / " STRIPE_K(c) ", (-1 - " c ".idx) / " STRIPE_M(c) "))"

/* Parts of the stripe of the chunk @c that are nowhere. */
#define STRIPE_LACKS(c)                                           \
	"(" STRIPE_GONE(c, "(" STRIPE_S(c) " * " STRIPE_K(c) ")", \
	    STRIPE_K(c)) " + " STRIPE_GONE(c,                     \
	    "(-(" STRIPE_S(c) " + 1) * " STRIPE_M(c) ")", STRIPE_M(c)) ")"

/* Is @p a part of the stripe of @c? */
#define STRIPE_SAME(p, c)                                           \
	"(" p ".file = " c ".file AND " p ".code <> 0 AND ((" p     \
	".idx >= " STRIPE_S(c) " * " STRIPE_K(                      \
	    c) " AND " p                                            \
	       ".idx < (" STRIPE_S(c) " + 1) * " STRIPE_K(          \
		   c) ") OR (" p                                    \
		      ".idx >= -(" STRIPE_S(c) " + 1) * " STRIPE_M( \
			  c) " AND " p                              \
			     ".idx < -" STRIPE_S(c) " * " STRIPE_M(c) ")))"

/* So many replicas has the chunk @c: of a part of a stripe, so many parts may be
 * lost and one more. */
#define CHUNK_REPLICAS(c)                                      \
	"iif(" c ".code = 0, (SELECT count(*) FROM replicas r" \
	" WHERE r.chunk = " c                                  \
	".chunk), max(0, " STRIPE_M(c) " + 1 - " STRIPE_LACKS(c) "))"

#endif

/*
 * Whose turn it is. Owners take turns from the largest id down, for that is how
 * the reaper goes through folders; each question is one step in an index,
 * however much any of them has waiting.
 */
#include "common/err.h"
#include "storaged/catalog/catalog_internal.h"

int
catalog_next_owner(struct nx_db *db, struct catalog_turn *turn,
    catalog_owner_upto *upto, int64_t volume, uint64_t *ret_owner)
{
	int64_t wanted = (int64_t)turn->wanted, owner = 0;
	int r = 0;

	turn->wanted = 0;
	if (wanted != 0)
		r = upto(db, wanted, volume, &owner);
	if (r == 0 || owner != wanted) {
		if (r >= 0)
			r = upto(db, turn->last - 1, volume, &owner);
		if (r == 0)
			r = upto(db, INT64_MAX, volume, &owner);
		if (r > 0)
			turn->last = owner;
	}
	if (r > 0)
		*ret_owner = (uint64_t)owner;
	return r;
}

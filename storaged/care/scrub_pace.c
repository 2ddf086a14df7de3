/*
 * The pace of scrubbing. A part may take the time that its bytes have at the
 * rate, or that its processor time is the share of, whichever is longer; what it
 * did not take is rested. So neither is ever exceeded over a part and its rest.
 */
#include "storaged/care/scrub_pace.h"

#define LEAST_US   1000    /* the loop and the disk belong to others too */
#define CROWDED_US 1000000 /* never at a stand: a busy system rots as well */

uint64_t
scrub_rest(uint64_t rate, uint64_t cpu, const struct scrub_part *part)
{
	uint64_t due = part->bytes * 1000000 / rate;
	uint64_t by_cpu = part->cpu_us * 100 / cpu;
	uint64_t rest;

	if (due < by_cpu)
		due = by_cpu;
	rest = due > part->took_us ? due - part->took_us : 0;
	if (part->crowded && rest < CROWDED_US)
		return CROWDED_US;
	return rest > LEAST_US ? rest : LEAST_US;
}

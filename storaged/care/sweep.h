/*
 * One look over one volume for chunk files the catalogue does not know. They
 * are set aside first, where no reader finds them, and removed a week later;
 * when the catalogue knows one again, because an older copy of it had been in
 * use, it comes back. And when it knows suspiciously few, nothing is touched.
 * Between the files of care only.
 */
#ifndef STORAGED_SWEEP_H
#define STORAGED_SWEEP_H

#include <stdatomic.h>

#include "storaged/storaged.h"
#include "storaged/volumes/volumes.h"

struct sweep_found {
	uint64_t set_aside; /* there are now so many */
	uint64_t refused;   /* orphans that were left where they are */
};

/*
 * Looks at @v, which is readable. Orphans count that are older than @before
 * (unix seconds). @done runs in the loop when it is over, whatever came of it; soon,
 * once *@stop, which lasts until then.
 * 0, or -errno and @done does not run.
 */
int sweep_start(struct storaged *s, struct volume *v, uint64_t before,
    const atomic_bool *stop,
    void (*done)(const struct sweep_found *found, void *arg), void *arg);

#endif

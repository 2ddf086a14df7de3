/*
 * When the platform makes a volume of its own: see base.h. Making it is
 * volume_create.c's, as for a node's. Trusts nothing but the configuration;
 * owns the decision and the note about what stands in its way.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/id.h"
#include "common/log.h"
#include "storaged/storaged.h"
#include "storaged/volumes/base.h"
#include "storaged/volumes/volume.h"
#include "storaged/volumes/volume_internal.h"

#define PREFIX   "base-"
#define RETRY_US 60000000ULL

bool
base_name_is(const char *name)
{
	return strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

static void
note(struct volumes *vs, const char *text)
{
	if (strcmp(vs->base_note, text) == 0)
		return;
	(void)snprintf(vs->base_note, sizeof(vs->base_note), "%s", text);
	if (text[0])
		nx_warn("event=no-base-volume note=\"%s\"", text);
}

bool
base_making(const struct volumes *vs)
{
	const struct volume *v;

	TAILQ_FOREACH(v, &vs->list, entry)
		if (v->base && v->state == VOLUME_MAKING && !v->attaching)
			return true;
	return false;
}

/* One that takes chunks and is not three quarters full, or the limit. */
static bool
is_enough(const struct volumes *vs)
{
	const struct volume *v;
	uint64_t n = 0;

	TAILQ_FOREACH(v, &vs->list, entry) {
		if (!v->base)
			continue;
		n++;
		if (volume_writable(v) && volume_room(v) >= v->size / 4)
			return true;
	}
	return n >= vs->s->conf.base_max;
}

static void
free_name(struct volumes *vs, char name[NX_ID_LEN + 1])
{
	for (unsigned i = 1;; i++) {
		(void)snprintf(name, NX_ID_LEN + 1, PREFIX "%u", i);
		if (!volume_find(vs, name))
			return;
	}
}

void
base_check(struct volumes *vs)
{
	uint64_t size = vs->s->conf.base_size, room = 0;
	char name[NX_ID_LEN + 1], text[160];
	int r;

	if (size == 0 || base_making(vs))
		return;
	if (is_enough(vs)) {
		note(vs, "");
		return;
	}
	if (nx_now_us() < vs->base_retry_us)
		return;
	vs->base_retry_us = nx_now_us() + RETRY_US;
	r = volumes_disk_room(vs, &room);
	if (r == 0 && room < size) {
		(void)snprintf(text, sizeof(text),
		    "the disk has room for %s more, a base volume takes %s "
		    "([storaged] base_size): make room there",
		    nx_size_format(room), nx_size_format(size));
		note(vs, text);
		return;
	}
	free_name(vs, name);
	if (r == 0)
		r = volume_make(vs, NULL, name, size);
	if (r < 0)
		base_made(vs, r, "");
}

void
base_made(struct volumes *vs, int result, const char *why)
{
	char text[200];

	if (result == 0) {
		vs->base_retry_us = 0;
		note(vs, "");
		return;
	}
	(void)snprintf(text, sizeof(text),
	    "a base volume could not be made: %s",
	    why[0] ? why : strerror(-result));
	note(vs, text);
}

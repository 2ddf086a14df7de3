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

/* It may take chunks in a moment: its disk has just come. */
static bool
is_coming(const struct volume *v)
{
	return v->attaching || (v->attached && v->suspect && v->proof_us == 1);
}

/* One on @d that takes chunks and is not three quarters full, or the limit. */
static bool
is_enough(const struct volumes *vs, const struct disk *d)
{
	struct volume *v;
	uint64_t n = 0;
	bool have = false;

	TAILQ_FOREACH(v, &vs->list, entry) {
		if (!v->base || v->disk != d)
			continue;
		n++;
		have |= is_coming(v) ||
		    (volume_writable(v) && volume_room(v) >= v->size / 4);
	}
	return (have && !vs->base_wanted) || n >= vs->s->conf.base_max;
}

/* The first disk that is to get one. */
static struct disk *
disk_in_need(const struct volumes *vs)
{
	struct disk *d;

	TAILQ_FOREACH(d, &vs->disks, entry)
		if (disk_takes(vs, d) && !is_enough(vs, d) &&
		    nx_now_us() >= d->base_retry_us)
			return d;
	return NULL;
}

static bool
is_any_in_need(const struct volumes *vs)
{
	struct disk *d;

	TAILQ_FOREACH(d, &vs->disks, entry)
		if (disk_takes(vs, d) && !is_enough(vs, d))
			return true;
	return false;
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

static void
note_no_room(struct volumes *vs, const struct disk *d, uint64_t room)
{
	char text[sizeof(vs->base_note)];

	(void)snprintf(text, sizeof(text),
	    "the disk%s%.64s has room for %s more, a base volume takes %s "
	    "([storaged] base_size): make room there",
	    d->key ? " " : "", d->key ? d->path : "", nx_size_format(room),
	    nx_size_format(vs->s->conf.base_size));
	note(vs, text);
}

static void
make_on(struct volumes *vs, struct disk *d)
{
	uint64_t size = vs->s->conf.base_size, room = 0;
	char name[NX_ID_LEN + 1];
	int r = disk_room(vs, d, &room);

	d->base_retry_us = nx_now_us() + RETRY_US;
	if (r == 0 && room < size) {
		note_no_room(vs, d, room);
		return;
	}
	free_name(vs, name);
	if (r == 0)
		r = volume_make(vs, d, NULL, name, size, 0);
	if (r < 0)
		base_made(vs, d, r, "");
}

void
base_check(struct volumes *vs)
{
	struct disk *d;

	if (vs->s->conf.base_size == 0 || base_making(vs) || vs->only_looking)
		return;
	while ((d = disk_in_need(vs))) {
		make_on(vs, d);
		if (base_making(vs))
			return;
	}
	vs->base_wanted = false;
	if (!is_any_in_need(vs))
		note(vs, "");
}

void
base_want(struct volumes *vs)
{
	base_check(vs);
	if (base_making(vs))
		return;
	vs->base_wanted = true;
	base_check(vs);
}

void
base_made(struct volumes *vs, struct disk *d, int result, const char *why)
{
	char text[200];

	if (result == 0) {
		d->base_retry_us = 0;
		vs->base_wanted = false;
		base_check(vs);
		return;
	}
	(void)snprintf(text, sizeof(text),
	    "a base volume could not be made: %s",
	    why[0] ? why : strerror(-result));
	note(vs, text);
}

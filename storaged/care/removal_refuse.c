/*
 * Why a volume stays: what a refusal says to who asked, with the first few of
 * the files by name, and what it remembers of having said so. A refusal for the
 * sake of others' files says nothing of the caller's own that force could rest
 * on, and remembers nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/care/historian.h"
#include "storaged/care/removal_internal.h"
#include "storaged/catalog/catalog.h"

#define NAMES_MAX  3U
#define NAME_SHOWN 80

/* Nothing has been taken away; it goes on as before. */
static void
call_off(struct delete_job *job)
{
	job->volume->state = VOLUME_READY;
	job->volume->deleting = false;
	removal_free(job);
}

void
removal_call_off_errno(struct delete_job *job, int error)
{
	if (job->request)
		nx_refuse_errno(job->request, error, "emptying the volume");
	call_off(job);
}

static void
add(char *text, size_t size, const char *more)
{
	size_t len = strlen(text);

	(void)snprintf(text + len, size - len, "%s", more);
}

/* "/a, /b, /c and 4 more" */
static void
name_some(struct storaged *s, const struct drained *result, uint64_t owner,
    uint64_t n, char *ret_text, size_t size)
{
	char place[PLACE_SIZE], more[48];
	struct catalog_file file;
	uint64_t named = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < result->n_risks && named < NAMES_MAX; i++) {
		const struct drain_risk *risk = &result->risks[i];

		if (risk->gone || risk->owner != owner ||
		    catalog_file_with(s->catalog, risk->file, 0, &file) != 0)
			continue;
		catalog_file_place(s->catalog, &file, place, sizeof(place));
		if (strlen(place) > NAME_SHOWN)
			(void)snprintf(place, sizeof(place), "%s", file.id);
		add(ret_text, size, named++ ? ", " : "");
		add(ret_text, size, place);
	}
	if (n <= named)
		return;
	(void)snprintf(more, sizeof(more), " and %" PRIu64 " more", n - named);
	add(ret_text, size, more);
}

static const char *
plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void
refuse_others(
    struct delete_job *job, const char *why, uint64_t own, uint64_t others)
{
	nx_refuse(job->request, NX__STATUS__CONFLICT,
	    "%" PRIu64 " file%s of other users %s only good cop%s on this "
	    "node%s and %s: make room elsewhere first (delete something, or "
	    "create or start another node), force loses nobody else's files",
	    others, plural(others), others == 1 ? "has its" : "have their",
	    others == 1 ? "y" : "ies", own ? ", beside some of yours," : "",
	    why);
}

/* All of them, though the sentence has no room for more than the first few: it
 * says how many there are. */
static void
remember_named(struct volume *v, const struct drained *result, uint64_t owner)
{
	int64_t *named = calloc(result->n_risks + 1, sizeof(*named));

	free(v->named);
	v->named = named;
	v->n_named = 0;
	for (size_t i = 0; named && i < result->n_risks; i++)
		if (!result->risks[i].gone && result->risks[i].owner == owner)
			named[v->n_named++] = result->risks[i].file;
}

static void
refuse_own(struct delete_job *job, const struct drained *result,
    const char *why, uint64_t own)
{
	char names[NAMES_MAX * (NAME_SHOWN + 2) + 48];

	name_some(job->s, result, job->owner, own, names, sizeof(names));
	remember_named(job->volume, result, job->owner);
	nx_refuse(job->request, NX__STATUS__CONFLICT,
	    "%" PRIu64 " file%s of yours would be lost (%s), for this node has "
	    "the only good cop%s and %s: make room elsewhere first, or delete "
	    "with force and lose %s",
	    own, plural(own), names, own == 1 ? "y" : "ies", why,
	    own == 1 ? "it" : "them");
}

/* What is kept of files that were replaced or deleted goes before anybody's
 * file has to stay where it is. */
static bool
history_makes_room(struct delete_job *job, const struct drained *result)
{
	return result->why == -ENOSPC &&
	    historian_want(
		job->s->historian, (uint64_t)result->n_risks * CHUNK_SIZE);
}

void
removal_refuse(struct delete_job *job, const struct drained *result,
    uint64_t own, uint64_t others)
{
	char why[128];

	if (history_makes_room(job, result))
		(void)snprintf(why, sizeof(why),
		    "no other volume has room for it until older versions are "
		    "given up (ask again in some seconds)");
	else if (result->why == -ENOSPC)
		(void)snprintf(
		    why, sizeof(why), "no other volume has room for it");
	else
		(void)snprintf(why, sizeof(why), "it could not be copied (%s)",
		    strerror(-result->why));
	if (!job->request)
		nx_warn("event=volume-not-removed node=%s reason=\"%s\"",
		    job->volume->node, why);
	else if (others > 0)
		refuse_others(job, why, own, others);
	else
		refuse_own(job, result, why, own);
	call_off(job);
}

/* Whatever who asks may lose: the promise was made to keep it from them too. */
void
removal_refuse_kept(struct delete_job *job)
{
	char place[PLACE_SIZE] = "a file",
	     until_text[CATALOG_LOCK_TIME + 8] = "";
	struct catalog_file file;
	uint64_t until = 0;

	if (catalog_file_get(job->s->catalog, job->forget.kept, &file) == 0) {
		catalog_file_place(
		    job->s->catalog, &file, place, sizeof(place));
		if (strlen(place) > NAME_SHOWN)
			(void)snprintf(place, sizeof(place), "%s", file.id);
		(void)catalog_file_kept_until(
		    job->s->catalog, file.owner, file.key, &until);
	}
	if (until > 0) {
		memcpy(until_text, " until ", 8);
		catalog_lock_time(until, until_text + 7);
	}
	if (!job->request)
		nx_warn("event=volume-not-removed node=%s reason=\"locked\"",
		    job->volume->node);
	else
		nx_refuse(job->request, NX__STATUS__CONFLICT,
		    "%s is locked%s and has its only good copy on this node: "
		    "nobody can give it up before, make room elsewhere first",
		    place, until_text);
	call_off(job);
}

/* What an admin may ask of scrubbing: that a cycle begins, and how it goes. */
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "proto/serve_storaged.h"
#include "storaged/care/scrub.h"
#include "storaged/volumes/volumes.h"

static const char *const states[] = {
    [SCRUB_OFF] = "off",
    [SCRUB_WAITING] = "waiting",
    [SCRUB_READING] = "reading",
    [SCRUB_REPAIRING] = "repairing",
    [SCRUB_RESTING] = "resting",
};

/*
 * Safe to grant: it reads at its pace and writes nothing that the healer would
 * not. Only an admin may ask.
 */
void
serve_storage_scrub(struct nx_request *r, struct storaged *s)
{
	Nx__ScrubReply reply = NX__SCRUB_REPLY__INIT;

	reply.cycle = scrub_begin(s->scrub);
	if (reply.cycle == 0)
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "scrubbing is off: [storaged] scrub_rate is 0");
	else
		nx_answer_storage_scrub(r, &reply);
}

/* Those that are being made or deleted have nothing to lose. */
static uint32_t
skipped(const struct storaged *s, char *note, size_t size)
{
	const struct volume *v;
	uint32_t n = 0;

	note[0] = '\0';
	TAILQ_FOREACH(v, &s->volumes->list, entry) {
		const char *why = scrub_skips(v);
		size_t at = strlen(note);

		if (!why ||
		    ((v->state == VOLUME_MAKING || v->state == VOLUME_GOING) &&
			!volume_away(v)))
			continue;
		(void)snprintf(note + at, size - at, "%s%s (%s)", n ? ", " : "",
		    v->node, why);
		n++;
	}
	return n;
}

void
serve_storage_scrub_status(struct nx_request *r, struct storaged *s)
{
	Nx__ScrubStatusReply reply = NX__SCRUB_STATUS_REPLY__INIT;
	struct scrub_status st;
	char note[256], volume[NX_ID_LEN + 1] = "";
	int e = scrub_status(s->scrub, &st);

	if (e < 0) {
		nx_refuse_errno(r, e, "counting");
		return;
	}
	if (st.volume)
		memcpy(volume, st.volume->node, sizeof(volume));
	reply.state = (char *)(uintptr_t)states[st.state];
	reply.cycle = st.cycle.cycle;
	reply.began_at = st.cycle.began_at;
	reply.ended_at = st.cycle.ended_at;
	reply.chunks = st.cycle.chunks;
	reply.of_chunks = st.sums.chunks;
	reply.bytes = st.cycle.bytes;
	reply.bad = st.cycle.bad;
	reply.missing = st.cycle.missing;
	reply.damaged_files = st.sums.damaged_files;
	reply.rate = st.rate;
	reply.volume = volume;
	reply.skipped = skipped(s, note, sizeof(note));
	reply.skipped_note = note;
	reply.oldest = st.sums.since;
	reply.next_at = st.next_at;
	nx_answer_storage_scrub_status(r, &reply);
}

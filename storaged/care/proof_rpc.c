/*
 * VOLUME_TRUST: a proof (proof.h) by command, at once, and its answer. Holds
 * the volume by its name: it may be gone when the answer is there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "proto/serve_storaged.h"
#include "storaged/care/proof.h"
#include "storaged/storaged.h"
#include "storaged/volumes/volumes.h"

struct asked {
	struct storaged *s;
	struct nx_request *request;
	char name[NX_ID_LEN + 1];
};

static void
proven(struct storaged *s, const char *why_not, uint64_t checked, void *arg)
{
	Nx__VolumeTrustReply reply = NX__VOLUME_TRUST_REPLY__INIT;
	struct volume *v;
	struct asked *asked = arg;
	Nx__VolumeInfo info;

	v = volume_find(s->volumes, asked->name);
	if (why_not[0] || !v) {
		nx_refuse(asked->request, NX__STATUS__CONFLICT,
		    "it is not to be trusted: %s",
		    why_not[0] ? why_not : "it is gone");
	} else {
		volume_info(s, v, &info);
		reply.volume = &info;
		reply.checked = checked;
		nx_answer_volume_trust(asked->request, &reply);
	}
	free(asked);
}

/* It is to be used again, whatever an operator had in mind before. */
static void
begin(int result, void *arg)
{
	struct asked *asked = arg;
	struct volume *v = volume_find(asked->s->volumes, asked->name);

	if (result == 0)
		result = v && volume_readable(v)
		    ? proof_start(asked->s->proofs, v, proven, asked)
		    : -ENODEV;
	if (result == 0)
		return;
	nx_refuse_errno(asked->request, result, "trusting it");
	free(asked);
}

/*
 * Safe to grant: it reads, and writes one chunk of its own; nothing is trusted
 * that did not prove well. Only an admin may ask.
 */
void
serve_volume_trust(
    struct nx_request *r, const Nx__VolumeRequest *q, struct storaged *s)
{
	struct volume *v = volume_find(s->volumes, q->node);
	struct asked *asked;

	if (!v) {
		nx_refuse(r, NX__STATUS__NOT_FOUND,
		    "there is no volume \"%s\": nexusctl volume ls lists them",
		    q->node);
		return;
	}
	if (!v->attached || v->state != VOLUME_READY) {
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "the volume %s cannot be reached, or is being made or "
		    "deleted",
		    v->node);
		return;
	}
	if (v->disk->leaving) {
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "its disk is leaving: nexusctl volume add-disk %s keeps it",
		    v->disk->path);
		return;
	}
	asked = calloc(1, sizeof(*asked));
	if (!asked) {
		nx_refuse_errno(r, -ENOMEM, "checking the volume");
		return;
	}
	asked->s = s;
	asked->request = r;
	memcpy(asked->name, v->node, sizeof(asked->name));
	v->proof_wait_s = 0;
	if (v->intent == CATALOG_VOLUME_USE)
		begin(0, asked);
	else if (volume_intend(
		     s->volumes, v, CATALOG_VOLUME_USE, begin, asked) < 0)
		begin(-ENOMEM, asked);
}

/*
 * What storaged says of itself as a whole, put together from its rooms. Only
 * sums that are kept: asking often costs nobody anything.
 */
#include <stdio.h>

#include "storaged/care/care.h"
#include "storaged/catalog/catalog.h"
#include "storaged/ledger/ledger.h"
#include "storaged/storaged.h"
#include "storaged/uploads/uploads.h"
#include "storaged/volumes/volumes.h"
#include "proto/serve_storaged.h"

void
serve_storage_status(struct nx_request *r, struct storaged *s)
{
	Nx__StorageStatusReply reply = NX__STORAGE_STATUS_REPLY__INIT;
	struct compact_status segments;
	struct collector_status care;
	struct ledger_status copies;
	struct catalog_totals totals;
	const struct volume *v;
	char away[384] = "";
	const struct disk *d;
	uint64_t degraded;
	int e = catalog_totals(s->catalog, &totals);

	if (e == 0)
		e = healer_degraded(s->healer, &degraded);
	if (e < 0) {
		nx_refuse_errno(r, e, "counting");
		return;
	}
	TAILQ_FOREACH(v, &s->volumes->list, entry) {
		reply.volumes++;
		reply.active += v->active;
		reply.base_volumes += v->base;
		reply.suspect += v->suspect;
		reply.away += volume_away(v) || own_away(v);
		if (volume_away(v) && v->away_why[0] && !away[0])
			(void)snprintf(away, sizeof(away), "%.32s: %s", v->node,
			    v->away_why);
		else if (own_away(v) && v->own.why[0] && !away[0])
			(void)snprintf(away, sizeof(away),
			    "%.32s, the node's own part: %s", v->node,
			    v->own.why);
		/* Beside those that lack one in the catalogue. */
		reply.degraded_files += v->away_files;
	}
	TAILQ_FOREACH(d, &s->volumes->disks, entry) {
		reply.disks += d->key != 0 || disk_takes(s->volumes, d);
		reply.disks_away += d->away;
	}
	reply.unspread = healer_unspread(s->healer);
	reply.files = totals.files;
	reply.chunks = totals.chunks;
	reply.bytes = totals.bytes;
	reply.degraded_files += degraded;
	reply.base_note = s->volumes->base_note;
	reply.away_note = away;
	reply.uploads = uploads_count(s->uploads);
	reply.repaired = s->repaired;
	reply.corrupt = s->corrupt;
	collector_status(s->collector, &care);
	reply.removing = care.busy;
	reply.set_aside = care.set_aside;
	reply.orphans_refused = care.refused;
	compact_status(s->compact, &segments);
	reply.segments_emptied = segments.emptied;
	reply.records_moved = segments.moved;
	reply.dead_bytes = segments.dead;
	reply.segments_left = segments.kept;
	copies = ledger_status(s->ledger);
	reply.catalogue_copies = copies.copies;
	reply.catalogue_note = (char *)(uintptr_t)copies.note;
	reply.disk_full = !reserve_held(s->reserve);
	nx_answer_storage_status(r, &reply);
}

/* Rows of the catalogue as messages; owns nothing, copies nothing. */
#include <stdio.h>

#include "storaged/storaged.h"
#include "storaged/trees/about.h"
#include "storaged/trees/info.h"

char *
info_text(const char *text)
{
	return (char *)(uintptr_t)text;
}

/* In one word, the worst first. */
static const char *
condition(uint32_t missing, uint32_t damaged, bool degraded)
{
	if (missing > 0)
		return "missing";
	if (damaged > 0)
		return "damaged";
	return degraded ? "degraded" : "good";
}

/* There are not many of them: they are kept. */
static const char *
erasure_text(uint32_t code)
{
	static char texts[ERASURE_DATA_MAX + 1][ERASURE_PARITY_MAX + 1][24];
	struct erasure e = catalog_erasure(code);

	if (!erasure_valid(e))
		return "";
	(void)snprintf(texts[e.data][e.parity], sizeof(texts[0][0]), "%u+%u",
	    e.data, e.parity);
	return texts[e.data][e.parity];
}

void
info_file(
    const struct catalog_file *f, Nx__FileInfo *ret_info, Nx__About *about)
{
	nx__file_info__init(ret_info);
	if (about)
		about_fill(&f->about, about);
	ret_info->about = about;
	ret_info->id = info_text(f->id);
	ret_info->name = info_text(f->name);
	ret_info->size = f->size;
	ret_info->chunks = f->chunks;
	ret_info->replicas = f->replicas;
	ret_info->md5 = info_text(f->etag.text);
	ret_info->created_at = f->created_at;
	ret_info->owner = f->owner;
	ret_info->erasure = info_text(erasure_text(f->code));
	ret_info->damaged = f->damaged;
	ret_info->missing = f->missing;
	ret_info->condition =
	    info_text(condition(f->missing, f->damaged, f->replicas < f->want));
}

int
info_sha256(struct catalog *c, int64_t key, char ret_text[SHA256_TEXT])
{
	struct digest_values values;
	int r = catalog_file_digests(c, key, &values);

	ret_text[0] = '\0';
	if (values.known[DIGEST_SHA256])
		checksum_text(
		    values.value[DIGEST_SHA256], SHA256_LEN, ret_text);
	return r;
}

/* "1 disk, 2 volumes". There are not many of them: they are kept. */
static char *
spread_text(unsigned disks, unsigned replicas)
{
	static char texts[CATALOG_REPLICAS + 1][CATALOG_REPLICAS + 1][32];
	char *text = texts[disks][replicas];

	if (!text[0] && replicas > disks)
		(void)snprintf(text, 32, "%u disk%s, %u volumes", disks,
		    disks == 1 ? "" : "s", replicas);
	else if (!text[0])
		(void)snprintf(
		    text, 32, "%u disk%s", disks, disks == 1 ? "" : "s");
	return text;
}

/* "2+1 over 3 disks", "4+2 over 3 disks, 6 volumes". */
static char *
parts_text(uint32_t code, const struct catalog_stripe_spread *parts)
{
	static char texts[ERASURE_PARTS_MAX + 1][ERASURE_PARTS_MAX + 1]
			 [ERASURE_DATA_MAX + 1][ERASURE_PARITY_MAX + 1][48];
	struct erasure e = catalog_erasure(code);
	char *text;

	if (parts->volumes > ERASURE_PARTS_MAX)
		return info_text("");
	text = texts[parts->disks][parts->volumes][e.data][e.parity];
	if (parts->volumes > parts->disks)
		(void)snprintf(text, 48, "%u+%u over %u disk%s, %u volumes",
		    e.data, e.parity, parts->disks,
		    parts->disks == 1 ? "" : "s", parts->volumes);
	else
		(void)snprintf(text, 48, "%u+%u over %u disk%s", e.data,
		    e.parity, parts->disks, parts->disks == 1 ? "" : "s");
	return text;
}

void
info_spread(struct storaged *s, const struct catalog_file *f, unsigned look,
    Nx__FileInfo *ret_info)
{
	struct catalog_stripe_spread parts;
	int disks;

	if (catalog_stripe_spread(
		s->catalog, f->content, f->code, look, &parts) > 0) {
		ret_info->disks = parts.disks;
		ret_info->spread = parts_text(f->code, &parts);
		return;
	}
	disks = catalog_file_disks(s->catalog, f->content, look);
	if (disks <= 0 || disks > CATALOG_REPLICAS ||
	    f->replicas > CATALOG_REPLICAS)
		return; /* an empty file is nowhere */
	ret_info->disks = (uint32_t)disks;
	ret_info->spread = spread_text((unsigned)disks, f->replicas);
}

void
info_entry(
    const struct catalog_entry *e, Nx__FsEntry *ret_entry, Nx__About *about)
{
	nx__fs_entry__init(ret_entry);
	if (about && !e->folder) {
		about_fill(&e->about, about);
		ret_entry->about = about;
	}
	ret_entry->files = e->files;
	ret_entry->folders = e->folders;
	ret_entry->name = info_text(e->name);
	ret_entry->folder = e->folder;
	ret_entry->size = e->size;
	ret_entry->id = info_text(e->id);
	ret_entry->modified_at = e->modified_at;
	ret_entry->md5 = info_text(e->etag.text);
	if (!e->folder)
		ret_entry->condition =
		    info_text(condition(e->missing, e->damaged, false));
}

void
info_past(
    const struct catalog_past *p, Nx__FsVersion *ret_version, Nx__About *about)
{
	const struct catalog_entry *e = &p->entry;
	Nx__FsVersion *v = ret_version;

	nx__fs_version__init(v);
	v->version = (uint64_t)p->past;
	v->name = info_text(e->name);
	v->folder = e->folder;
	v->size = e->size;
	v->modified_at = e->modified_at;
	v->files = e->files;
	v->folders = e->folders;
	v->why = info_text(p->why == CATALOG_DELETED ? "deleted" : "replaced");
	v->gone_at = p->gone_at;
	v->until = p->until;
	v->held = p->held;
	if (e->folder)
		return;
	v->md5 = info_text(e->etag.text);
	v->condition = info_text(condition(e->missing, e->damaged, false));
	about_fill(&e->about, about);
	v->about = about;
}

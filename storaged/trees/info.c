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
	ret_info->damaged = f->damaged;
	ret_info->missing = f->missing;
	ret_info->condition =
	    info_text(condition(f->missing, f->damaged, f->replicas < f->want));
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

void
info_spread(struct storaged *s, const struct catalog_file *f, unsigned look,
    Nx__FileInfo *ret_info)
{
	int disks = catalog_file_disks(s->catalog, f->content, look);

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

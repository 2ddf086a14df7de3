/* The doctor's checks, in the order in which they are shown. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "nexusctl/checks_internal.h"

#define STATE_DIR "/var/lib/nexus"

void
ctl_saw(struct ctl_finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->what, sizeof(f->what), fmt, ap);
	va_end(ap);
}

void
ctl_ill(struct ctl_finding *f, enum ctl_health health, const char *fmt, ...)
{
	va_list ap;

	f->health = health;
	va_start(ap, fmt);
	vsnprintf(f->cure, sizeof(f->cure), fmt, ap);
	va_end(ap);
}

static bool
has_word(const char *text, const char *word)
{
	size_t len = strlen(word), n;

	while (*(text += strspn(text, " \t\n"))) {
		n = strcspn(text, " \t\n");
		if (n == len && memcmp(text, word, len) == 0)
			return true;
		text += n;
	}
	return false;
}

bool
ctl_file_has_word(const char *path, const char *word)
{
	nx_cleanup_free char *text = NULL;

	return nx_read_file(AT_FDCWD, path, 1 << 20, &text) >= 0 &&
	    has_word(text, word);
}

const char *
ctl_state_dir(void)
{
	return access(STATE_DIR, F_OK) == 0 ? STATE_DIR : "/var/lib";
}

const struct ctl_check ctl_checks[] = {
    {"kernel", ctl_look_kernel},
    {"cgroups", ctl_look_cgroups},
    {"user namespaces", ctl_look_user_namespaces},
    {"idmapped mounts", ctl_look_idmapped},
    {"file systems", ctl_look_file_systems},
    {"loop devices", ctl_look_loop},
    {"network", ctl_look_network},
    {"sandbox", ctl_look_sandbox},
    {"tools", ctl_look_tools},
    {"space", ctl_look_space},
    {"clock", ctl_look_clock},
};
const size_t ctl_checks_count = NX_ARRAY_SIZE(ctl_checks);

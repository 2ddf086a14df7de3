/* The doctor's checks of the host: how it was booted, what is installed, what is
 * free. */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "common/err.h"
#include "common/id.h"
#include "nexusctl/checks_internal.h"

/* Where the second version of cgroups is mounted; hybrid hosts have it aside. */
void
ctl_look_cgroups(struct ctl_finding *f)
{
	static const char *const roots[] = {
	    "/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	static const char *const wanted[] = {"memory", "cpu", "pids"};
	char missing[64] = "", path[128];
	const char *root = NULL;
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(roots) && !root; i++) {
		snprintf(path, sizeof(path), "%s/cgroup.controllers", roots[i]);
		if (access(path, R_OK) == 0)
			root = roots[i];
	}
	if (!root) {
		ctl_saw(f, "cgroup version 2 is not mounted");
		ctl_ill(f, CTL_WARNING,
		    "boot with systemd.unified_cgroup_hierarchy=1; until then "
		    "node creation needs limits = best-effort in nexus.conf");
		return;
	}
	for (i = 0; i < NX_ARRAY_SIZE(wanted); i++)
		if (!ctl_file_has_word(path, wanted[i])) {
			strcat(missing, " ");
			strcat(missing, wanted[i]);
		}
	ctl_saw(f, "version 2 at %s, %s%s", root,
	    *missing ? "without" : "with memory, cpu and pids", missing);
	if (*missing)
		ctl_ill(f, CTL_WARNING,
		    "limits cannot be enforced: boot with "
		    "systemd.unified_cgroup_hierarchy=1 "
		    "cgroup_no_v1=all, or set limits = best-effort in the "
		    "section [nodemgr] of nexus.conf");
}

void
ctl_look_loop(struct ctl_finding *f)
{
	struct stat st;
	struct group *disk = getgrnam("disk");

	if (stat("/dev/loop-control", &st) < 0) {
		ctl_saw(f, "/dev/loop-control is not there");
		ctl_ill(f, CTL_BAD,
		    "modprobe loop, and echo loop "
		    ">/etc/modules-load.d/nexus.conf");
		return;
	}
	ctl_saw(f, "/dev/loop-control is %03o, group %u", st.st_mode & 0777,
	    (unsigned)st.st_gid);
	if (!disk || st.st_gid != disk->gr_gid || (st.st_mode & 0060) != 0060)
		ctl_ill(f, CTL_BAD,
		    "storaged reaches loop devices as a member of the group "
		    "disk: install udev, or chgrp disk /dev/loop* && chmod 660 "
		    "/dev/loop*");
}

void
ctl_look_tools(struct ctl_finding *f)
{
	static const struct {
		const char *path, *package;
	} tools[] = {
	    {"/sbin/mkfs.ext4", "e2fsprogs"}, {"/usr/bin/python3", "python3"}};
	char missing[64] = "";
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(tools); i++)
		if (access(tools[i].path, X_OK) != 0) {
			strcat(missing, " ");
			strcat(missing, tools[i].package);
		}
	ctl_saw(f, *missing ? "missing:%s" : "mkfs.ext4, python3%s", missing);
	if (*missing)
		ctl_ill(f, CTL_BAD, "apt-get install%s", missing);
}

void
ctl_look_space(struct ctl_finding *f)
{
	struct statvfs v;
	uint64_t free;

	if (statvfs(ctl_state_dir(), &v) < 0) {
		ctl_saw(f, "%s: %s", ctl_state_dir(), strerror(errno));
		ctl_ill(f, CTL_BAD, "mount a file system there");
		return;
	}
	free = (uint64_t)v.f_bavail * v.f_frsize;
	ctl_saw(f, "%s free at %s", nx_size_format(free), ctl_state_dir());
	if (free < 1ULL << 30)
		ctl_ill(f, CTL_WARNING,
		    "volumes are allocated in full: make room, or put a larger "
		    "file system there");
}

void
ctl_look_clock(struct ctl_finding *f)
{
	struct timex t = {0};
	int state = adjtimex(&t);

	ctl_saw(f, state == TIME_ERROR ? "not synchronized" : "synchronized");
	if (state == TIME_ERROR)
		ctl_ill(f, CTL_WARNING,
		    "sign-in codes and tokens expire by it: apt-get install "
		    "systemd-timesyncd, or chrony");
}

/*
 * A sealed copy of a program in memory, made once at start: what runs inside
 * cannot reach the file on the host through /proc/PID/exe (CVE-2019-5736), nor
 * change the copy.
 */
#ifndef NODEMGR_SEALED_H
#define NODEMGR_SEALED_H

/* The memfd, ready for execveat, or -errno. */
int nx_sealed_program(const char *path);

#endif

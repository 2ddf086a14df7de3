/* What a client says of a file. Part of catalog.h: include that. */
#ifndef STORAGED_CATALOG_ABOUT_H
#define STORAGED_CATALOG_ABOUT_H

#include <stdbool.h>
#include <stdint.h>

/* What a client says of a file; none of it means anything here. Its bytes count
 * against the quota as content does. */
#define CATALOG_TYPE_MAX  255U
#define CATALOG_ABOUT_MAX 16384U /* of meta */
struct catalog_about {
	bool has_mtime;
	int64_t mtime;                   /* nanoseconds since 1970 */
	char type[CATALOG_TYPE_MAX + 1]; /* or empty */
};

#endif

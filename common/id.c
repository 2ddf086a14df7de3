/* Ids, names, sizes, clocks. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "common/err.h"
#include "common/id.h"

void
nx_id_new(char ret_id[NX_ID_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t random[NX_ID_LEN / 2];
	size_t i;

	nx_assert(getrandom(random, sizeof(random), 0) == sizeof(random));
	for (i = 0; i < sizeof(random); i++) {
		ret_id[2 * i] = digits[random[i] >> 4];
		ret_id[2 * i + 1] = digits[random[i] & 15];
	}
	ret_id[NX_ID_LEN] = '\0';
}

bool
nx_id_prefix_valid(const char *prefix)
{
	size_t len = strlen(prefix);

	return len >= 4 && len <= NX_ID_LEN &&
	    strspn(prefix, "0123456789abcdef") == len;
}

bool
nx_id_valid(const char *id)
{
	return nx_id_prefix_valid(id) && strlen(id) == NX_ID_LEN;
}

bool
nx_name_valid(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= 63 && name[0] != '-' &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

int
nx_size_parse(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	const char *unit;
	unsigned shift = 0;
	uint64_t value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	unit = *end ? strchr(units, *end & ~0x20) : NULL;
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		end++;
		if (strncasecmp(end, "ib", 2) == 0)
			end += 2;
		else if (*end == 'B' || *end == 'b')
			end++;
	} else if (*end == 'B' || *end == 'b')
		end++;
	if (*end)
		return -EINVAL;
	if (value > UINT64_MAX >> shift)
		return -ERANGE;
	*ret_bytes = value << shift;
	return 0;
}

const char *
nx_size_format(uint64_t bytes)
{
	static char buffers[4][24];
	static unsigned next;
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	char *out = buffers[next++ % 4];
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		(void)snprintf(out, 24, "%" PRIu64 " B", bytes);
		return out;
	}
	while (value >= 1024 && unit + 1 < NX_ARRAY_SIZE(units)) {
		value /= 1024;
		unit++;
	}
	(void)snprintf(
	    out, 24, "%.*f %s", value < 10 ? 1 : 0, value, units[unit]);
	return out;
}

static uint64_t
clock_us(clockid_t clock)
{
	struct timespec ts;

	nx_assert(clock_gettime(clock, &ts) == 0);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
nx_now_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

uint64_t
nx_wall_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

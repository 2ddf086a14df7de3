/* A point in time, as people write it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "nexusctl/pattern.h"

#define FAR (1ULL << 40) /* seconds: 34,000 years */

static bool
read_number(const char *text, uint64_t *ret_number, const char **ret_end)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret_number = strtoull(text, &end, 10);
	*ret_end = end;
	return errno == 0 && *ret_number <= FAR;
}

bool
ctl_lasts_parse(const char *text, uint64_t *ret_seconds)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	uint64_t unit = 1;
	const char *end;

	if (!read_number(text, ret_seconds, &end) || *ret_seconds > UINT32_MAX)
		return false;
	for (size_t i = 0; i < NX_ARRAY_SIZE(units); i++)
		if (*end == units[i].letter) {
			unit = units[i].seconds;
			end++;
			break;
		}
	*ret_seconds *= unit;
	return *end == '\0';
}

/* Since 1970, in the time zone of whoever asks. A day that is not in the calendar
 * is none: mktime(3) would make the first of March of the 30th of February. */
static bool
read_date(const char *text, uint64_t *ret_seconds)
{
	static const char *const forms[] = {"%Y-%m-%d", "%Y-%m-%d %H:%M",
	    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"};

	for (size_t i = 0; i < NX_ARRAY_SIZE(forms); i++) {
		struct tm tm = {.tm_isdst = -1}, was;
		const char *end = strptime(text, forms[i], &tm);
		time_t t;

		if (!end || *end != '\0')
			continue;
		was = tm;
		t = mktime(&tm);
		*ret_seconds = (uint64_t)t;
		return t > 0 && tm.tm_mday == was.tm_mday;
	}
	return false;
}

bool
ctl_moment_parse(const char *text, uint64_t *ret_seconds)
{
	uint64_t now = (uint64_t)time(NULL), away;
	const char *end;

	if (*text == '+' || *text == '-') {
		if (!ctl_lasts_parse(text + 1, &away) ||
		    (*text == '-' && away > now))
			return false;
		*ret_seconds = *text == '+' ? now + away : now - away;
		return true;
	}
	if (read_number(text, ret_seconds, &end) && *end == '\0')
		return true;
	return read_date(text, ret_seconds);
}

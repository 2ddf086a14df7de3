/* One table: status -> name, HTTP status, exit code, title. */
#include <errno.h>

#include "common/err.h"
#include "common/status.h"

static const struct {
	const char *name;
	int http;
	int exit;
	const char *title;
} statuses[] = {
    [NX__STATUS__OK] = {"ok", 200, 0, "OK"},
    [NX__STATUS__INVALID] = {"invalid", 400, 2, "Bad request"},
    [NX__STATUS__UNAUTHENTICATED] = {"unauthenticated", 401, 3,
	"Not signed in"},
    [NX__STATUS__DENIED] = {"denied", 403, 3, "Not allowed"},
    [NX__STATUS__NOT_FOUND] = {"not-found", 404, 4, "Not found"},
    [NX__STATUS__EXISTS] = {"exists", 409, 5, "Already there"},
    [NX__STATUS__CONFLICT] = {"conflict", 409, 5, "Not in this state"},
    [NX__STATUS__QUOTA] = {"quota", 413, 6, "Quota exceeded"},
    [NX__STATUS__FULL] = {"full", 507, 6, "No room"},
    [NX__STATUS__LIMIT] = {"limit", 429, 7, "Too many requests"},
    [NX__STATUS__TOO_LARGE] = {"too-large", 413, 6, "Too large"},
    [NX__STATUS__UNAVAILABLE] = {"unavailable", 503, 8,
	"Temporarily unavailable"},
    [NX__STATUS__DEADLINE] = {"deadline", 504, 8, "Took too long"},
    [NX__STATUS__CORRUPT] = {"corrupt", 500, 9, "Stored data is damaged"},
    [NX__STATUS__UNSUPPORTED] = {"unsupported", 501, 10,
	"This host cannot do it"},
    [NX__STATUS__INTERNAL] = {"internal", 500, 1, "Internal error"},
    [NX__STATUS__PRECONDITION] = {"precondition", 412, 5, "Not as expected"},
    [NX__STATUS__GONE] = {"gone", 410, 4, "Not known any more"},
    [NX__STATUS__REAUTH] = {"reauthenticate", 403, 3, "Sign in again"},
};

static size_t
known(Nx__Status status)
{
	return (size_t)status < NX_ARRAY_SIZE(statuses)
	    ? (size_t)status
	    : (size_t)NX__STATUS__INTERNAL;
}

const char *
nx_status_name(Nx__Status status)
{
	return statuses[known(status)].name;
}

int
nx_status_http(Nx__Status status)
{
	return statuses[known(status)].http;
}

int
nx_status_exit(Nx__Status status)
{
	return statuses[known(status)].exit;
}

const char *
nx_status_title(Nx__Status status)
{
	return statuses[known(status)].title;
}

Nx__Status
nx_status_of_errno(int error)
{
	static const struct {
		int error;
		Nx__Status status;
	} table[] = {
	    {0, NX__STATUS__OK},
	    {ENOSPC, NX__STATUS__FULL},
	    {EDQUOT, NX__STATUS__QUOTA},
	    {ENOENT, NX__STATUS__NOT_FOUND},
	    {EEXIST, NX__STATUS__EXISTS},
	    {EINVAL, NX__STATUS__INVALID},
	    {EBUSY, NX__STATUS__CONFLICT},
	    {EACCES, NX__STATUS__DENIED},
	    {EPERM, NX__STATUS__DENIED},
	    {EAGAIN, NX__STATUS__UNAVAILABLE},
	    {EPIPE, NX__STATUS__UNAVAILABLE},
	    {ENOTCONN, NX__STATUS__UNAVAILABLE},
	    {ETIMEDOUT, NX__STATUS__DEADLINE},
	    {EFBIG, NX__STATUS__TOO_LARGE},
	    {EBADMSG, NX__STATUS__CORRUPT},
	    {EOPNOTSUPP, NX__STATUS__UNSUPPORTED},
	    {ENOSYS, NX__STATUS__UNSUPPORTED},
	};
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(table); i++)
		if (table[i].error == -error)
			return table[i].status;
	return NX__STATUS__INTERNAL;
}

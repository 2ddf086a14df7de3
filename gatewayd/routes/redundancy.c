/* See redundancy.h. */
#include <string.h>

#include "gatewayd/routes/redundancy.h"

static const struct http_error
    no_erasure = {400, "invalid",
	"X-Nexus-Erasure, or erasure in the query, is parity as in 2+1 or "
	"4+2."},
    no_replicas = {400, "invalid",
	"X-Nexus-Replicas, or replicas in the query, is a number from 1 to "
	"4 (0: the default)."},
    twice = {400, "invalid",
	"How often a file is to be there is said in a field or in the query, "
	"not in both."};

/* What was said, in either place. */
static const struct http_error *
take(const struct http_head *head, enum head_field field, const struct uri *uri,
    const char *param, struct http_span *ret_text)
{
	const char *value = uri_param(uri, param);

	*ret_text = head->field[field];
	if (value && ret_text->p)
		return &twice;
	if (value)
		*ret_text = (struct http_span){value, strlen(value)};
	return NULL;
}

const struct http_error *
redundancy_of(
    struct redundancy *w, const struct http_head *head, const struct uri *uri)
{
	struct http_span erasure, replicas;
	const struct http_error *error =
	    take(head, HEAD_NEXUS_ERASURE, uri, "erasure", &erasure);

	*w = (struct redundancy){0};
	if (!error)
		error =
		    take(head, HEAD_NEXUS_REPLICAS, uri, "replicas", &replicas);
	if (error)
		return error;
	if (erasure.p &&
	    (erasure.len == 0 || erasure.len >= sizeof(w->erasure)))
		return &no_erasure;
	if (erasure.p)
		memcpy(w->erasure, erasure.p, erasure.len);
	if (!replicas.p)
		return NULL;
	if (replicas.len != 1 || replicas.p[0] < '0' || replicas.p[0] > '4')
		return &no_replicas;
	w->replicas = (uint32_t)(replicas.p[0] - '0');
	return NULL;
}

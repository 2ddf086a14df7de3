/*
 * Conditions of writes (RFC 9110 13.1). What they mean is decided where the
 * write is: between a look here and a write there others could write.
 */
#include <string.h>

#include "gatewayd/routes/condition.h"

static const struct http_error
    only_star = {400, "invalid",
	"If-None-Match of a write takes * alone: write only if nothing is "
	"there."},
    not_tags = {400, "invalid",
	"If-Match takes * or etags in quotes, separated by commas."},
    too_many = {400, "invalid", "If-Match takes 8 etags at most."},
    both = {400, "invalid",
	"If-Match and If-None-Match together can never hold: send one."};

/* A weak tag is equal to none (strong comparison), nor is one that is longer
 * than any of ours: it is kept, cut, so that the condition does not hold. */
static const struct http_error *
add_tag(struct condition *c, struct http_span tag)
{
	size_t len = tag.len;

	if (c->message.n_match == CONDITION_TAGS)
		return &too_many;
	if (len >= 2 && tag.p[0] == '"' && tag.p[len - 1] == '"') {
		tag.p++;
		len -= 2;
	} else if (len < 4 || memcmp(tag.p, "W/\"", 3) != 0 ||
	    tag.p[len - 1] != '"')
		return &not_tags;
	if (len > CONDITION_TAG)
		len = CONDITION_TAG;
	memcpy(c->tags[c->message.n_match], tag.p, len);
	c->tags[c->message.n_match][len] = '\0';
	c->list[c->message.n_match] = c->tags[c->message.n_match];
	c->message.n_match++;
	return NULL;
}

static const struct http_error *
read_match(struct condition *c, struct http_span tags)
{
	const struct http_error *error = NULL;
	struct http_span tag;

	if (http_span_is(tags, "*")) {
		c->message.present = true;
		return NULL;
	}
	while (!error && http_list_next(&tags, &tag))
		error = add_tag(c, tag);
	if (!error && c->message.n_match == 0)
		error = &not_tags;
	return error;
}

const struct http_error *
condition_of(struct condition *c, const struct http_head *head)
{
	struct http_span match = head->field[HEAD_IF_MATCH];
	struct http_span none = head->field[HEAD_IF_NONE_MATCH];

	memset(c, 0, sizeof(*c));
	nx__condition__init(&c->message);
	c->message.match = c->list;
	c->any = match.p || none.p;
	if (match.p && none.p)
		return &both;
	if (none.p && !http_span_is(none, "*"))
		return &only_star;
	c->message.absent = none.p != NULL;
	return match.p ? read_match(c, match) : NULL;
}

const char *
condition_ignored(const struct http_head *head, bool decided)
{
	if (!decided && head->field[HEAD_IF_MATCH].p)
		return "If-Match";
	if (!decided && head->field[HEAD_IF_NONE_MATCH].p)
		return "If-None-Match";
	/* Beside If-Match it means nothing (RFC 9110 13.1.4). */
	if (!head->field[HEAD_IF_MATCH].p &&
	    head->field[HEAD_IF_UNMODIFIED_SINCE].p)
		return "If-Unmodified-Since";
	return NULL;
}

Nx__Condition *
condition_message(struct condition *c)
{
	return c->any ? &c->message : NULL;
}

/*
 * A ring of findings. It is searched from end to end, which is nothing beside
 * the reading of a chunk that every question follows.
 */
#include "storaged/care/said.h"

static size_t
find(const struct said *said, int64_t chunk, int64_t volume)
{
	size_t i;

	for (i = 0; i < SAID_MAX; i++)
		if (said->list[i].chunk == chunk &&
		    said->list[i].volume == volume)
			break;
	return i;
}

bool
said_is_news(struct said *said, int64_t chunk, int64_t volume, int finding)
{
	size_t i = find(said, chunk, volume);

	if (i < SAID_MAX && said->list[i].finding == finding)
		return false;
	if (i == SAID_MAX) {
		i = said->next;
		said->next = (said->next + 1) % SAID_MAX;
	}
	said->list[i].chunk = chunk;
	said->list[i].volume = volume;
	said->list[i].finding = finding;
	return true;
}

void
said_forget(struct said *said, int64_t chunk, int64_t volume)
{
	size_t i = find(said, chunk, volume);

	if (i < SAID_MAX)
		said->list[i].chunk = 0;
}

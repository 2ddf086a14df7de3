/*
 * Matching patterns without trying anything again: a set has a bit for each
 * place in the pattern that may have been reached, and each character of the text
 * moves all of them at once. Which places a character moves is looked up once for
 * each that comes, so no pattern costs more than its length for each of them.
 * Decodes text of end users: has a fuzzer (tests/fuzz/storaged_glob_fuzz.c).
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/utf8.h"
#include "storaged/trees/glob.h"

#define WORD  64U
#define WORDS (GLOB_MAX / WORD + 1)
#define KNOWN 64U /* characters looked up, a power of two */

/* A bit for each place: before what matches one character, or the end. */
struct set {
	uint64_t word[WORDS];
};

struct glob {
	const char *at[GLOB_MAX]; /* what matches one character */
	const char *plain;        /* the first [ without an end */
	size_t n, words;
	struct set one, all;     /* places behind a * and a ** */
	uint32_t point[KNOWN];   /* whose places are known; 0: none */
	struct set moves[KNOWN]; /* places that it moves */
};

/* Its length, not 0 unless at the end; what is not UTF-8 is bytes. */
static size_t
next(const char *s, uint32_t *ret_point)
{
	size_t n = *s ? nx_utf8_next(s, strnlen(s, 4), ret_point) : 0;

	if (n == 0) {
		*ret_point = (unsigned char)*s;
		n = *s != '\0';
	}
	return n;
}

/* Behind the class at @p (behind its [), and whether @point is in it; NULL: it
 * has no end, and is none. */
static const char *
match_class(const char *p, uint32_t point, bool *ret_in)
{
	bool not = *p == '!' || *p == '^', in = false, first = true;
	uint32_t from, to;

	for (p += not ; *p && (*p != ']' || first); first = false) {
		p += next(p, &from);
		to = from;
		if (p[0] == '-' && p[1] && p[1] != ']')
			p += 1 + next(p + 1, &to);
		in |= point >= from && point <= to;
	}
	*ret_in = in != not ;
	return *p == ']' ? p + 1 : NULL;
}

/* Behind what is at @p and matches one character, and whether that is @point. From
 * @plain on a [ is no class, for none of them has an end. */
static const char *
match_one(const char *p, const char *plain, uint32_t point, bool *ret_match)
{
	const char *end;
	uint32_t wanted;
	bool in;

	if (*p == '?') {
		*ret_match = point != '/';
		return p + 1;
	}
	end = *p == '[' && (!plain || p < plain)
	    ? match_class(p + 1, point, &in)
	    : NULL;
	if (end) {
		*ret_match = in && point != '/';
		return end;
	}
	if (*p == '\\' && p[1])
		p++;
	p += next(p, &wanted);
	*ret_match = wanted == point;
	return p;
}

/* --- sets -------------------------------------------------------------------*/

static void
set_add(struct set *set, size_t place)
{
	set->word[place / WORD] |= UINT64_C(1) << place % WORD;
}

static bool
set_has(const struct set *set, size_t place)
{
	return set->word[place / WORD] >> place % WORD & 1;
}

/* --- the pattern ------------------------------------------------------------*/

static void
clear(struct glob *g, struct set *set)
{
	memset(set->word, 0, g->words * sizeof(set->word[0]));
}

/* False: it is too long. */
static bool
read_pattern(struct glob *g, const char *p)
{
	size_t len = strlen(p);
	bool match;

	if (len > GLOB_MAX)
		return false;
	g->n = 0;
	g->plain = NULL;
	g->words = len / WORD + 1;
	clear(g, &g->one);
	clear(g, &g->all);
	memset(g->point, 0, sizeof(g->point));
	while (*p) {
		if (*p == '*') {
			set_add(p[1] == '*' ? &g->all : &g->one, g->n);
			p += strspn(p, "*");
			continue;
		}
		g->at[g->n] = p;
		p = match_one(p, g->plain, 0, &match);
		if (*g->at[g->n] == '[' && p == g->at[g->n] + 1 && !g->plain)
			g->plain = g->at[g->n];
		g->n++;
	}
	return true;
}

/* Those places that @point moves. */
static const struct set *
moves_of(struct glob *g, uint32_t point)
{
	size_t known = point % KNOWN;
	struct set *set = &g->moves[known];

	if (g->point[known] == point)
		return set;
	g->point[known] = point;
	clear(g, set);
	for (size_t i = 0; i < g->n; i++) {
		bool match;

		(void)match_one(g->at[i], g->plain, point, &match);
		if (match)
			set_add(set, i);
	}
	return set;
}

/* @now after @point; false: no place is left. */
static bool
move(struct glob *g, struct set *now, uint32_t point)
{
	const struct set *moves = moves_of(g, point);
	uint64_t carry = 0, any = 0;

	for (size_t i = 0; i < g->words; i++) {
		uint64_t old = now->word[i], moved = old & moves->word[i];
		uint64_t stay = g->all.word[i];

		if (point != '/')
			stay |= g->one.word[i];
		now->word[i] = (old & stay) | moved << 1 | carry;
		carry = moved >> (WORD - 1);
		any |= now->word[i];
	}
	return any != 0;
}

bool
glob_match(const char *pattern, const char *text)
{
	struct set now;
	struct glob g;
	uint32_t point;

	if (!read_pattern(&g, pattern))
		return false;
	clear(&g, &now);
	set_add(&now, 0);
	while (*text) {
		text += next(text, &point);
		if (!move(&g, &now, point))
			return false;
	}
	return set_has(&now, g.n);
}

/* scan.c - blocks of bytes into lines and fields, in constant memory.
 *
 * A push parser: a block may end anywhere, also within a name. Only what was asked for is kept of a field, so
 * neither the length of a field nor that of a line costs memory.
 */
#include "sgexec.h"

#include <string.h>

#define NEVER UINT64_MAX

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void field_begin(struct sg_scan *s)
{
    s->len = s->solid = s->value = s->digits = 0;
    s->differs = NEVER;
    s->holds = 0;
}

/* Moves to the first byte of a line that counts. 0: the block ends before it. */
static int line_begin(struct sg_scan *s)
{
    for (;;) {
        if (s->skip) {
            const char *newline = memchr(s->p, '\n', (size_t)(s->end - s->p));
            if (!newline) {
                s->p = s->end;
                return 0;
            }
            s->p = newline + 1;
            s->line++;
            s->skip = 0;
        }
        while (s->p < s->end && is_blank(*s->p))
            s->p++;
        if (s->p == s->end)
            return 0;
        if (*s->p == '\n') {
            s->p++;
            s->line++;
        } else if (*s->p == '#' || *s->p == '+' || *s->p == '-') {
            s->skip = 1;
        } else {
            s->begun = 1;
            s->nul = 0;
            field_begin(s);
            return 1;
        }
    }
}

static void measure(struct sg_scan *s, char c)
{
    s->len++;
    if (!is_blank(c))
        s->solid = s->len;
    s->nul |= c == '\0';
}

static void compare(struct sg_scan *s, char c)
{
    if (s->differs == NEVER && s->len < s->needle_len && c != s->needle[s->len])
        s->differs = s->len;
}

static const char *pass_nothing(struct sg_scan *s, const char *p)
{
    for (; p < s->end && *p != ':' && *p != '\n'; p++)
        s->nul |= *p == '\0';
    return p;
}

static const char *pass_text(struct sg_scan *s, const char *p)
{
    for (; p < s->end && *p != ':' && *p != '\n'; p++) {
        if (s->len < s->text_max)
            s->text[s->len] = *p;
        compare(s, *p);
        measure(s, *p);
    }
    return p;
}

static const char *pass_number(struct sg_scan *s, const char *p)
{
    for (; p < s->end && *p != ':' && *p != '\n'; p++) {
        if (s->digits == s->len && *p >= '0' && *p <= '9') {
            s->digits++;
            if (s->value <= SG_ID_MAX)
                s->value = s->value * 10 + (uint64_t)(*p - '0');
        }
        measure(s, *p);
    }
    return p;
}

static const char *pass_list(struct sg_scan *s, const char *p)
{
    for (; p < s->end && *p != ':' && *p != '\n'; p++) {
        if (*p == ',') {
            s->holds |= (uint8_t)sg_scan_equals(s);
            s->len = s->solid = 0;
            s->differs = NEVER;
        } else {
            compare(s, *p);
            measure(s, *p);
        }
    }
    return p;
}

enum sg_stop sg_scan_field(struct sg_scan *s, enum sg_want want)
{
    if (!s->begun && !line_begin(s))
        return SG_STOP_BLOCK;
    if (s->ended) {
        s->ended = 0;
        field_begin(s);
    }
    switch (want) {
    case SG_WANT_NOTHING: s->p = pass_nothing(s, s->p); break;
    case SG_WANT_TEXT:    s->p = pass_text(s, s->p); break;
    case SG_WANT_NUMBER:  s->p = pass_number(s, s->p); break;
    case SG_WANT_LIST:    s->p = pass_list(s, s->p); break;
    }
    if (s->p == s->end)
        return SG_STOP_BLOCK;
    int newline = *s->p++ == '\n';
    if (newline) {
        s->len = s->solid; /* blanks at the end of the line are not part of it */
        s->begun = 0;
        s->line++;
    } else {
        s->ended = 1;
    }
    if (want == SG_WANT_LIST)
        s->holds |= (uint8_t)sg_scan_equals(s);
    return newline ? SG_STOP_LINE : SG_STOP_FIELD;
}

int sg_scan_equals(const struct sg_scan *s)
{
    return s->len == s->needle_len && s->differs >= s->len;
}

int sg_scan_id(const struct sg_scan *s, uint32_t *id)
{
    if (s->len == 0 || s->digits != s->len || s->value > SG_ID_MAX)
        return 0;
    *id = (uint32_t)s->value;
    return 1;
}

void sg_scan_skip_line(struct sg_scan *s)
{
    s->begun = s->ended = 0;
    s->skip = 1;
}

/* ids.c - ids and names as somebody typed them, and lists of ids. Pure. */
#include "sgexec.h"

#include <errno.h>
#include <string.h>

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int all_digits(struct sg_text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (!is_digit(t.ptr[i]))
            return 0;
    return t.len > 0;
}

/* No strtol: it skips blanks, takes signs and, where long has 32 bits, saturates. H02, H10 */
static int id_parse(struct sg_text digits, uint32_t max, uint32_t *id)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        value = value * 10 + (uint64_t)(digits.ptr[i] - '0');
        if (value > max)
            return -ERANGE;
    }
    *id = (uint32_t)value;
    return 0;
}

int sg_ref_parse(struct sg_text text, uint32_t max, struct sg_ref *ref)
{
    struct sg_ref r = { .name = text };

    if (all_digits(text)) {
        r.is_id = 1;
        int rc = id_parse(text, max, &r.id);
        if (rc < 0)
            return rc;
        *ref = r;
        return 0;
    }
    if (text.len == 0 || text.len > SG_NAME_MAX)
        return -EINVAL;
    struct sg_text rest = { text.ptr + 1, text.len - 1 };
    if ((text.ptr[0] == '-' || text.ptr[0] == '+') && all_digits(rest))
        return -EDOM;
    for (size_t i = 0; i < text.len; i++)
        if (strchr(":,\n", text.ptr[i])) /* finds the NUL too */
            return -EINVAL;
    *ref = r;
    return 0;
}

int sg_list_next(const struct sg_text *texts, size_t texts_len, struct sg_cursor *cursor,
                 struct sg_text *element)
{
    if (cursor->begun)
        cursor->index++;
    if (cursor->text == texts_len)
        return 0;
    struct sg_text t = texts[cursor->text];
    struct sg_text rest = { t.ptr + cursor->at, t.len - cursor->at };
    const char *comma = rest.len ? memchr(rest.ptr, ',', rest.len) : NULL;
    if (comma) {
        rest.len = (size_t)(comma - rest.ptr);
        cursor->at += rest.len + 1;
    } else {
        cursor->text++;
        cursor->at = 0;
    }
    cursor->begun = 1;
    *element = rest;
    return 1;
}

static void swap(char *a, char *b, size_t size)
{
    while (size--) {
        char t = *a;
        *a++ = *b;
        *b++ = t;
    }
}

static void sift_down(char *base, size_t root, size_t n, size_t size,
                      int (*less)(const void *, const void *))
{
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && less(base + child * size, base + (child + 1) * size))
            child++;
        if (!less(base + root * size, base + child * size))
            return;
        swap(base + root * size, base + child * size, size);
    }
}

void sg_sort(void *base, size_t n, size_t size, int (*less)(const void *, const void *))
{
    for (size_t i = n / 2; i-- > 0;)
        sift_down(base, i, n, size, less);
    for (size_t end = n; end-- > 1;) {
        swap(base, (char *)base + end * size, size);
        sift_down(base, 0, end, size, less);
    }
}

static int id_less(const void *a, const void *b)
{
    return *(const uint32_t *)a < *(const uint32_t *)b;
}

uint32_t sg_ids_sort_unique(uint32_t *ids, uint32_t n)
{
    uint32_t kept = 0, sorted = 1;

    for (uint32_t i = 1; i < n && sorted; i++)
        sorted = ids[i - 1] <= ids[i];
    if (!sorted)
        sg_sort(ids, n, sizeof *ids, id_less);
    for (uint32_t i = 0; i < n; i++)
        if (kept == 0 || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    return kept;
}

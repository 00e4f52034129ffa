/* grants.c - why each gid is there, and the list of groups that follows. Pure. */
#include "sgexec.h"

#include <errno.h>
#include <string.h>

static int name_keep(struct sg_workspace *ws, struct sg_text name, struct sg_grant *grant,
                     struct sg_error *err)
{
    if (name.len > sizeof ws->names - ws->names_len)
        return sg_fail(err, SG_STEP_GROUPS, ENOBUFS, SG_NAMES_MAX);
    grant->name_at = ws->names_len;
    grant->name_len = (uint32_t)name.len;
    memcpy(ws->names + ws->names_len, name.ptr, name.len);
    ws->names_len += name.len;
    return 0;
}

int sg_grant_add(struct sg_workspace *ws, uint32_t *grants_len, struct sg_grant grant, struct sg_text name,
                 struct sg_error *err)
{
    if (*grants_len == SG_GRANTS_MAX)
        return sg_fail(err, SG_STEP_GROUPS, E2BIG, SG_GRANTS_MAX);
    int rc = name.len ? name_keep(ws, name, &grant, err) : 0;
    if (rc == 0)
        ws->grants[(*grants_len)++] = grant;
    return rc;
}

/* The three kinds, in whose order runtimes differ. */
static int is_primary(const struct sg_grant *g)
{
    return g->origin <= SG_ORIGIN_DEFAULT;
}

static int is_image(const struct sg_grant *g)
{
    return g->origin == SG_ORIGIN_IMAGE;
}

static int is_declared(const struct sg_grant *g)
{
    return !is_primary(g) && !is_image(g);
}

struct taking {
    const struct sg_workspace *ws;
    uint32_t grants_len;
    uint32_t *groups;
};

static uint32_t take(const struct taking *t, uint32_t n, int (*takes)(const struct sg_grant *))
{
    for (uint32_t i = 0; i < t->grants_len; i++)
        if (!t->ws->grants[i].withheld && takes(&t->ws->grants[i]))
            t->groups[n++] = t->ws->grants[i].gid;
    return n;
}

/* Drops every gid of [from, n) that stands earlier in it. Quadratic, and only to predict another's order. */
static uint32_t drop_repeated(uint32_t *groups, uint32_t from, uint32_t n)
{
    uint32_t kept = from;

    for (uint32_t i = from; i < n; i++) {
        uint32_t j = from;
        while (j < kept && groups[j] != groups[i])
            j++;
        if (j == kept)
            groups[kept++] = groups[i];
        if (kept > SG_GROUPS_MAX)
            break; /* an error already */
    }
    return kept;
}

/* The grants are still in the order in which they were added: gid, declared, image. */
static uint32_t order(const struct taking *t, uint32_t flavour)
{
    uint32_t n = take(t, 0, is_primary), image_end;

    switch (flavour) {
    case SG_FLAVOUR_CRIO:
        n = take(t, take(t, n, is_image), is_declared);
        return drop_repeated(t->groups, 0, n);
    case SG_FLAVOUR_PODMAN:
        n = take(t, take(t, n, is_declared), is_image);
        return drop_repeated(t->groups, 0, n);
    case SG_FLAVOUR_DOCKER:
        image_end = take(t, n, is_image);
        return drop_repeated(t->groups, image_end, take(t, image_end, is_declared));
    default:
        n = take(t, take(t, n, is_declared), is_image);
        return sg_ids_sort_unique(t->groups, n);
    }
}

static int grant_less(const void *a, const void *b)
{
    const struct sg_grant *x = a, *y = b;

    if (x->gid != y->gid)
        return x->gid < y->gid;
    if (x->origin != y->origin)
        return x->origin < y->origin;
    return x->index != y->index ? x->index < y->index : x->line < y->line;
}

int sg_groups_from_grants(struct sg_workspace *ws, uint32_t grants_len, uint32_t flavour,
                          struct sg_error *err)
{
    const struct taking t = { ws, grants_len, ws->groups };
    uint32_t n = order(&t, flavour);

    if (n > SG_GROUPS_MAX)
        return sg_fail(err, SG_STEP_GROUPS, E2BIG, SG_GROUPS_MAX);
    sg_sort(ws->grants, grants_len, sizeof ws->grants[0], grant_less);
    return (int)n;
}

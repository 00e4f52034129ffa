/* resolve.c - the policy: what was declared + two files -> an identity in which every gid has its reason.
 *
 * Strict is Merge without one origin, so nothing here asks for the policy but the last question: do image grants
 * count. Changes nothing, needs no privilege.
 */
#include "sgexec.h"

#include <errno.h>
#include <string.h>

/* One resolution under way. */
struct resolver {
    const struct sg_context *context;
    struct sg_workspace *ws;
    struct sg_lookup lookup;
    struct sg_declared declared;
    uint32_t grants_len;
    struct sg_error *err;
};

static int grant_add(struct resolver *r, struct sg_grant grant, struct sg_text name)
{
    if (!r->context->explain)
        name.len = 0;
    return sg_grant_add(r->ws, &r->grants_len, grant, name, r->err);
}

/* A declared group: an id is taken as it is, a name is the first line of etc/group that has it. */
static int grant_declared(struct resolver *r, const struct sg_ref *ref, enum sg_origin origin,
                          enum sg_step step, uint32_t index)
{
    struct sg_grant grant = { .origin = (uint16_t)origin, .index = index, .gid = ref->id };

    if (ref->is_id)
        return grant_add(r, grant, (struct sg_text){ 0 });
    int rc = sg_lookup_group(&r->lookup, ref, r->err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return sg_fail(r->err, step, ENOENT, index);
    grant.gid = r->lookup.db.entry.gid;
    grant.line = r->lookup.db.entry.line;
    return grant_add(r, grant, ref->name);
}

static int primary_grant(struct resolver *r, const struct sg_identity *id, uint32_t passwd_gid)
{
    struct sg_grant grant = { .gid = passwd_gid, .origin = SG_ORIGIN_PASSWD, .line = id->passwd_line };
    int rc = 0;

    if (r->declared.has_user_group)
        rc = grant_declared(r, &r->declared.user_group, SG_ORIGIN_USER, SG_STEP_USER_GROUP, 0);
    if (rc == 0 && r->declared.has_run_as_group) {
        /* It takes the place of the other, which had to be good all the same. */
        r->grants_len = 0;
        r->ws->names_len = 0;
        rc = grant_declared(r, &r->declared.run_as_group, SG_ORIGIN_RUN_AS_GROUP, SG_STEP_RUN_AS_GROUP, 0);
    }
    if (rc < 0 || r->grants_len)
        return rc;
    if (id->passwd_line == 0)
        grant = (struct sg_grant){ .gid = 0, .origin = SG_ORIGIN_DEFAULT };
    return grant_add(r, grant, (struct sg_text){ 0 });
}

static int declared_grants(struct resolver *r)
{
    const struct sg_context *c = r->context;
    struct sg_cursor cursor = { 0 };
    struct sg_text element;
    struct sg_ref ref;
    int rc = 0;

    if (r->declared.has_fs_group)
        rc = grant_declared(r, &r->declared.fs_group, SG_ORIGIN_FS_GROUP, SG_STEP_FS_GROUP, 0);
    while (rc == 0 && sg_list_next(c->supplemental_groups, c->supplemental_groups_len, &cursor, &element)) {
        rc = sg_ref_declared(element, SG_STEP_SUPPLEMENTAL_GROUPS, cursor.index, &ref, r->err);
        if (rc == 0)
            rc = grant_declared(r, &ref, SG_ORIGIN_SUPPLEMENTAL_GROUPS, SG_STEP_SUPPLEMENTAL_GROUPS,
                                cursor.index);
    }
    return rc;
}

static int same(struct sg_text a, struct sg_text b)
{
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* What etc/group gives to the user called `name`. A name with a comma is nobody's element. */
static int memberships(struct resolver *r, struct sg_text name, uint32_t withheld, struct sg_skipped *skipped)
{
    int rc = name.len && !memchr(name.ptr, ',', name.len)
                 ? sg_lookup_memberships(&r->lookup, name, r->err) : 0;

    if (rc <= 0)
        return rc;
    while ((rc = sg_lookup_next(&r->lookup, r->err)) == 1) {
        const struct sg_entry *entry = &r->lookup.db.entry;
        struct sg_text group = { entry->name, entry->name_len };
        struct sg_grant grant = {
            .gid = entry->gid, .origin = SG_ORIGIN_IMAGE, .withheld = (uint16_t)withheld,
            .line = entry->line,
        };
        if (r->context->flavour == SG_FLAVOUR_CONTAINERD && same(group, name))
            continue; /* containerd#11937 */
        if ((rc = grant_add(r, grant, group)) < 0)
            break;
    }
    if (rc == 0)
        *skipped = r->lookup.db.skipped;
    return rc;
}

/* Under Strict the image's grants are read for people only, and what cannot be read costs them nothing. */
static int image_grants(struct resolver *r, struct sg_identity *id)
{
    uint32_t strict = r->context->policy == SG_POLICY_STRICT, kept = r->grants_len;

    if (r->declared.has_user_group && r->context->flavour != SG_FLAVOUR_CONTAINERD)
        return 0; /* OCI image-spec: an explicit group takes the place of the memberships */
    if (strict && !r->context->explain)
        return 0;
    int rc = memberships(r, (struct sg_text){ id->user, id->user_len }, strict, &id->group_skipped);
    if (rc < 0 && strict) {
        id->withheld_error = *r->err;
        r->grants_len = kept;
        return 0;
    }
    return rc;
}

static void user_take(const struct resolver *r, struct sg_identity *id)
{
    const struct sg_entry *entry = &r->lookup.db.entry;

    id->uid = entry->id;
    id->passwd_line = entry->line;
    id->user_len = entry->name_len;
    memcpy(id->user, entry->name, entry->name_len);
    if (entry->home_len && entry->home[0] == '/') {
        id->home_len = entry->home_len;
        memcpy(id->home, entry->home, entry->home_len);
    }
}

/* 1 there is a passwd line, 0 an id without one. */
static int user_resolve(struct resolver *r, struct sg_identity *id, uint32_t *passwd_gid)
{
    const struct sg_ref root = { .is_id = 1, .id = 0 };
    const struct sg_ref *user = r->declared.has_user ? &r->declared.user : &root;
    int found = sg_lookup_user(&r->lookup, user, r->err);

    if (found < 0)
        return found;
    id->passwd_skipped = r->lookup.db.skipped;
    if (found) {
        user_take(r, id);
        *passwd_gid = r->lookup.db.entry.gid;
        return 1;
    }
    if (!user->is_id)
        return sg_fail(r->err, sg_given(r->context->run_as_user_name) ? SG_STEP_RUN_AS_USER_NAME
                                                                      : SG_STEP_USER, ENOENT, 0);
    id->uid = user->id;
    return 0;
}

static int resolve(struct resolver *r, struct sg_identity *id)
{
    /* containerd with nothing set does not look the gid up, and under Strict leaves it out of the groups. */
    int bare = r->context->flavour == SG_FLAVOUR_CONTAINERD && !r->declared.has_user;
    uint32_t passwd_gid = 0;
    int rc = user_resolve(r, id, &passwd_gid);

    if (rc < 0)
        return rc;
    if (r->context->run_as_non_root && id->uid == 0)
        return sg_fail(r->err, SG_STEP_RUN_AS_NON_ROOT, EPERM, 0);
    if (bare)
        id->passwd_line = 0;
    id->gid = 0;
    if (!bare || r->context->policy == SG_POLICY_MERGE) {
        if ((rc = primary_grant(r, id, passwd_gid)) < 0)
            return rc;
        id->gid = r->ws->grants[0].gid; /* the first one, before any other is added */
    }
    if ((rc = declared_grants(r)) < 0 || (rc = image_grants(r, id)) < 0)
        return rc;
    if ((rc = sg_groups_from_grants(r->ws, r->grants_len, r->context->flavour, r->err)) < 0)
        return rc;
    id->groups_len = (uint32_t)rc;
    id->grants_len = r->grants_len;
    return 0;
}

static void resolver_begin(struct resolver *r, const struct sg_rootfs *rootfs,
                           const struct sg_context *context, struct sg_workspace *ws, struct sg_error *err)
{
    r->context = context;
    r->ws = ws;
    r->grants_len = 0;
    r->err = err;
    ws->names_len = 0;
    sg_lookup_begin(&r->lookup, rootfs, context->file_limit, ws, context->explain);
}

/* The two texts stay as they are: their lengths say how much of them counts. */
static void identity_begin(struct sg_identity *id)
{
    memset(id, 0, offsetof(struct sg_identity, user));
    id->uid = id->gid = SG_NO_ID;
}

int sg_resolve(const struct sg_rootfs *rootfs, const struct sg_context *context,
               struct sg_workspace *ws, struct sg_identity *identity, struct sg_error *err)
{
    struct sg_identity id;
    struct resolver r;
    struct sg_error e = { 0 };

    int rc = sg_declared_check(context, &r.declared, &e);
    if (rc == 0) {
        identity_begin(&id);
        id.policy = context->policy;
        id.user_ignored = sg_given(context->user)
                          && (sg_given(context->run_as_user) || sg_given(context->run_as_user_name));
        resolver_begin(&r, rootfs, context, ws, &e);
        rc = resolve(&r, &id);
        sg_lookup_end(&r.lookup);
    }
    if (rc < 0)
        *err = e;
    else
        *identity = id;
    return rc;
}

int sg_getgrouplist(const struct sg_rootfs *rootfs, struct sg_text name, uint32_t gid,
                    uint64_t file_limit, struct sg_workspace *ws, struct sg_error *err)
{
    const struct sg_context context = {
        .policy = SG_POLICY_MERGE, .flavour = SG_FLAVOUR_OCI, .file_limit = file_limit,
    };
    const struct sg_grant primary = { .gid = gid, .origin = SG_ORIGIN_USER };
    struct resolver r;
    struct sg_skipped skipped;
    struct sg_ref ref;
    struct sg_error e = { 0 };

    if (gid > SG_ID_MAX)
        return sg_fail(err, SG_STEP_USER_GROUP, ERANGE, 0);
    int rc = sg_ref_parse(name, SG_ID_MAX, &ref);
    if (rc < 0)
        return sg_fail(err, SG_STEP_USER, -rc, 0);
    resolver_begin(&r, rootfs, &context, ws, &e);
    rc = grant_add(&r, primary, (struct sg_text){ 0 });
    if (rc == 0)
        rc = memberships(&r, name, 0, &skipped);
    sg_lookup_end(&r.lookup);
    if (rc == 0)
        rc = sg_groups_from_grants(ws, r.grants_len, SG_FLAVOUR_OCI, &e);
    if (rc < 0)
        *err = e;
    return rc;
}

static int exact_grant(struct sg_text element, enum sg_origin origin, uint32_t index, struct sg_workspace *ws,
                       uint32_t *grants_len, struct sg_error *err)
{
    enum sg_step step = origin == SG_ORIGIN_EXACT ? SG_STEP_EXACT : SG_STEP_SUPPLEMENTAL_GROUPS;
    struct sg_ref ref;
    int rc = sg_ref_parse(element, SG_ID_MAX, &ref);

    if (rc == 0 && !ref.is_id)
        rc = -EINVAL;
    if (rc < 0)
        return sg_fail(err, step, -rc, index);
    const struct sg_grant grant = { .gid = ref.id, .origin = (uint16_t)origin, .index = index };
    return sg_grant_add(ws, grants_len, grant, (struct sg_text){ 0 }, err);
}

int sg_exact(struct sg_text exact, const struct sg_text *more, size_t more_len, struct sg_workspace *ws,
             struct sg_identity *identity, struct sg_error *err)
{
    struct sg_identity id;
    struct sg_text element, rest = exact;
    struct sg_cursor cursor = { 0 };
    struct sg_ref uid;
    uint32_t n = 0;

    const char *colon = exact.len ? memchr(exact.ptr, ':', exact.len) : NULL;
    if (!colon)
        return sg_fail(err, SG_STEP_EXACT, EINVAL, 0);
    int rc = sg_ref_parse((struct sg_text){ exact.ptr, (size_t)(colon - exact.ptr) }, SG_ID_MAX, &uid);
    if (rc < 0 || !uid.is_id)
        return sg_fail(err, SG_STEP_EXACT, rc < 0 ? -rc : EINVAL, 0);
    rest = (struct sg_text){ colon + 1, exact.len - (size_t)(colon + 1 - exact.ptr) };
    colon = rest.len ? memchr(rest.ptr, ':', rest.len) : NULL;
    struct sg_text gid = { rest.ptr, colon ? (size_t)(colon - rest.ptr) : rest.len };
    rc = exact_grant(gid, SG_ORIGIN_EXACT, 0, ws, &n, err);
    if (colon) {
        rest = (struct sg_text){ colon + 1, rest.len - gid.len - 1 };
        while (rc == 0 && sg_list_next(&rest, 1, &cursor, &element))
            rc = exact_grant(element, SG_ORIGIN_EXACT, cursor.index + 1, ws, &n, err);
    }
    cursor = (struct sg_cursor){ 0 };
    while (rc == 0 && sg_list_next(more, more_len, &cursor, &element))
        rc = exact_grant(element, SG_ORIGIN_SUPPLEMENTAL_GROUPS, cursor.index, ws, &n, err);
    if (rc < 0)
        return rc;
    identity_begin(&id);
    id.uid = uid.id;
    id.gid = ws->grants[0].gid;
    if ((rc = sg_groups_from_grants(ws, n, SG_FLAVOUR_OCI, err)) < 0)
        return rc;
    id.groups_len = (uint32_t)rc;
    id.grants_len = n;
    *identity = id;
    return 0;
}

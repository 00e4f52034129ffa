/* context.c - the syntax of what was declared, before any file is read. Pure. */
#include "sgexec.h"

#include <errno.h>
#include <string.h>

int sg_ref_declared(struct sg_text text, enum sg_step step, uint64_t at, struct sg_ref *ref,
                        struct sg_error *err)
{
    int rc = sg_ref_parse(text, SG_DECLARED_MAX, ref);
    return rc < 0 ? sg_fail(err, step, -rc, at) : 0;
}

/* USER[:GROUP]. Runtimes disagree about `alice:`, `:x` and `a:b:c`; here they are errors. */
static int user_declared(struct sg_text text, struct sg_declared *d, struct sg_error *err)
{
    const char *colon = text.len ? memchr(text.ptr, ':', text.len) : NULL;
    struct sg_text user = { text.ptr, colon ? (size_t)(colon - text.ptr) : text.len };
    int rc = sg_ref_declared(user, SG_STEP_USER, 0, &d->user, err);

    d->has_user = 1;
    if (rc < 0 || !colon)
        return rc;
    d->has_user_group = 1;
    struct sg_text group = { colon + 1, text.len - user.len - 1 };
    return sg_ref_declared(group, SG_STEP_USER_GROUP, 0, &d->user_group, err);
}

static int users_declared(const struct sg_context *c, struct sg_declared *d, struct sg_error *err)
{
    int rc = sg_given(c->user) ? user_declared(c->user, d, err) : 0;

    if (rc == 0 && sg_given(c->run_as_user)) {
        rc = sg_ref_declared(c->run_as_user, SG_STEP_RUN_AS_USER, 0, &d->user, err);
        if (rc == 0 && !d->user.is_id)
            rc = sg_fail(err, SG_STEP_RUN_AS_USER, EINVAL, 0);
    }
    if (rc == 0 && sg_given(c->run_as_user_name))
        rc = sg_ref_declared(c->run_as_user_name, SG_STEP_RUN_AS_USER_NAME, 0, &d->user, err);
    if (sg_given(c->run_as_user) || sg_given(c->run_as_user_name)) {
        d->has_user = 1;
        d->has_user_group = 0; /* an ignored user spec takes its group along */
    }
    return rc;
}

static int groups_declared(const struct sg_context *c, struct sg_declared *d, struct sg_error *err)
{
    struct sg_cursor cursor = { 0 };
    struct sg_text element;
    struct sg_ref ref;
    int rc = 0;

    if (sg_given(c->run_as_group)) {
        d->has_run_as_group = 1;
        rc = sg_ref_declared(c->run_as_group, SG_STEP_RUN_AS_GROUP, 0, &d->run_as_group, err);
    }
    if (rc == 0 && sg_given(c->fs_group)) {
        d->has_fs_group = 1;
        rc = sg_ref_declared(c->fs_group, SG_STEP_FS_GROUP, 0, &d->fs_group, err);
    }
    while (rc == 0 && sg_list_next(c->supplemental_groups, c->supplemental_groups_len, &cursor, &element))
        rc = sg_ref_declared(element, SG_STEP_SUPPLEMENTAL_GROUPS, cursor.index, &ref, err);
    return rc;
}

int sg_declared_check(const struct sg_context *c, struct sg_declared *d, struct sg_error *err)
{
    int rc;

    memset(d, 0, sizeof *d);
    if (c->policy != SG_POLICY_MERGE && c->policy != SG_POLICY_STRICT)
        return sg_fail(err, SG_STEP_POLICY, EINVAL, 0);
    if (c->flavour < SG_FLAVOUR_OCI || c->flavour > SG_FLAVOUR_PODMAN)
        return sg_fail(err, SG_STEP_FLAVOUR, EINVAL, 0);
    if (c->policy == SG_POLICY_STRICT
        && (c->flavour == SG_FLAVOUR_DOCKER || c->flavour == SG_FLAVOUR_PODMAN))
        return sg_fail(err, SG_STEP_POLICY, ENOTSUP, 0);
    if ((rc = users_declared(c, d, err)) < 0 || (rc = groups_declared(c, d, err)) < 0)
        return rc;
    if (d->has_run_as_group) {
        int cri = c->flavour == SG_FLAVOUR_CONTAINERD || c->flavour == SG_FLAVOUR_CRIO;
        if (!d->has_user || (cri && !sg_given(c->run_as_user) && !sg_given(c->run_as_user_name)))
            return sg_fail(err, SG_STEP_RUN_AS_GROUP, ENOKEY, 0);
    }
    return 0;
}

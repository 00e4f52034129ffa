/* lookup.c - look-ups in the two files of a rootfs: userdb.c over what rootfs.c reads. */
#include "sgexec.h"

#include <errno.h>

enum { NOT_TRIED, IS_OPEN, IS_ABSENT };

void sg_lookup_begin(struct sg_lookup *l, const struct sg_rootfs *rootfs, uint64_t file_limit,
                     struct sg_workspace *ws, uint32_t count_skipped)
{
    l->rootfs = rootfs;
    l->file_limit = file_limit;
    l->ws = ws;
    l->count_skipped = count_skipped;
    l->group_state = NOT_TRIED;
    l->db.skipped = (struct sg_skipped){ 0 };
}

void sg_lookup_end(struct sg_lookup *l)
{
    if (l->group_state == IS_OPEN)
        sg_file_close(&l->group);
    l->group_state = NOT_TRIED;
}

/* 1 an entry is in l->db.entry (call again for the next), 0 the end of the file. */
static int search(struct sg_lookup *l, struct sg_file *file, struct sg_error *err)
{
    int rc;

    while ((rc = sg_userdb_next(&l->db, err)) == 0 && !l->at_end) {
        int n = sg_file_read(file, l->ws->block, sizeof l->ws->block, err);
        if (n < 0)
            return n;
        l->at_end = n == 0;
        if (n > 0)
            sg_userdb_block(&l->db, l->ws->block, (size_t)n);
        else if ((rc = sg_userdb_end(&l->db, err)) != 0)
            break;
    }
    if (rc < 0)
        err->step = file->database == SG_PASSWD ? SG_STEP_PASSWD_LINE : SG_STEP_GROUP_LINE;
    return rc;
}

static void search_begin(struct sg_lookup *l, enum sg_sought sought, const struct sg_ref *ref,
                         uint32_t count_skipped)
{
    l->at_end = 0;
    sg_userdb_begin(&l->db, (uint32_t)sought, ref->name, ref->id, count_skipped);
}

static int search_first(struct sg_lookup *l, struct sg_file *file, struct sg_error *err)
{
    int rc = search(l, file, err);
    int changed = rc >= 0 ? sg_file_unchanged(file, err) : 0;

    return changed < 0 ? changed : rc;
}

int sg_lookup_user(struct sg_lookup *l, const struct sg_ref *user, struct sg_error *err)
{
    struct sg_file file;
    int rc = sg_file_open(l->rootfs, SG_PASSWD, l->file_limit, &file, err);

    if (rc <= 0)
        return rc;
    search_begin(l, user->is_id ? SG_PASSWD_BY_UID : SG_PASSWD_BY_NAME, user, l->count_skipped);
    rc = search_first(l, &file, err);
    sg_file_close(&file);
    return rc;
}

/* etc/group is opened once, however often it is gone through. 1 it is at its begin, 0 there is none. */
static int group_begin(struct sg_lookup *l, struct sg_error *err)
{
    int rc;

    if (l->group_state == IS_OPEN)
        return (rc = sg_file_rewind(&l->group, err)) < 0 ? rc : 1;
    if (l->group_state == IS_ABSENT)
        return 0;
    rc = sg_file_open(l->rootfs, SG_GROUP, l->file_limit, &l->group, err);
    if (rc >= 0)
        l->group_state = rc ? IS_OPEN : IS_ABSENT;
    return rc;
}

int sg_lookup_group(struct sg_lookup *l, const struct sg_ref *group, struct sg_error *err)
{
    int rc = group_begin(l, err);

    if (rc <= 0)
        return rc;
    search_begin(l, SG_GROUP_BY_NAME, group, 0);
    return search_first(l, &l->group, err);
}

int sg_lookup_memberships(struct sg_lookup *l, struct sg_text name, struct sg_error *err)
{
    const struct sg_ref ref = { .name = name };
    int rc = group_begin(l, err);

    if (rc > 0)
        search_begin(l, SG_GROUP_BY_MEMBER, &ref, l->count_skipped);
    return rc;
}

int sg_lookup_next(struct sg_lookup *l, struct sg_error *err)
{
    int rc = search(l, &l->group, err);

    return rc == 0 ? sg_file_unchanged(&l->group, err) : rc;
}

/* userdb.c - what a passwd or group line means. Pure.
 *
 * A malformed line that concerns the look-up is an error, any other is passed over. "Concerns" is decided by what
 * can be read of it: its name, its uid, its members. Never 0 for a number that cannot be read: that makes root (H06).
 */
#include "sgexec.h"

#include <errno.h>
#include <string.h>

enum { PASSWD_UID = 2, PASSWD_GID = 3, PASSWD_HOME = 5, GROUP_GID = 2, GROUP_MEMBERS = 3 };

static int in_passwd(const struct sg_userdb *db)
{
    return db->sought == SG_PASSWD_BY_NAME || db->sought == SG_PASSWD_BY_UID;
}

static void line_begin(struct sg_userdb *db)
{
    db->field = 0;
    db->name_ok = db->name_hit = db->id_ok = db->id_hit = db->gid_ok = db->member_hit = 0;
    db->home_ok = 1;
}

void sg_userdb_begin(struct sg_userdb *db, uint32_t sought, struct sg_text name, uint32_t uid,
                     uint32_t count_skipped)
{
    memset(&db->scan, 0, sizeof db->scan);
    memset(&db->skipped, 0, sizeof db->skipped);
    db->scan.needle = name.ptr;
    db->scan.needle_len = name.len;
    db->sought = sought;
    db->uid = uid;
    db->count_skipped = count_skipped;
    line_begin(db);
}

void sg_userdb_block(struct sg_userdb *db, const char *bytes, size_t len)
{
    db->scan.p = bytes;
    db->scan.end = bytes + len;
}

static enum sg_want field_wanted(struct sg_userdb *db)
{
    struct sg_scan *s = &db->scan;

    if (db->field == 0) {
        s->text = db->entry.name;
        s->text_max = SG_NAME_MAX;
        return SG_WANT_TEXT;
    }
    if (in_passwd(db)) {
        if (db->field == PASSWD_HOME) {
            s->text = db->entry.home;
            s->text_max = SG_HOME_MAX;
            return SG_WANT_TEXT;
        }
        return db->field == PASSWD_UID || db->field == PASSWD_GID ? SG_WANT_NUMBER : SG_WANT_NOTHING;
    }
    if (db->field == GROUP_MEMBERS && db->sought == SG_GROUP_BY_MEMBER)
        return SG_WANT_LIST;
    return db->field == GROUP_GID ? SG_WANT_NUMBER : SG_WANT_NOTHING;
}

static void field_take(struct sg_userdb *db)
{
    const struct sg_scan *s = &db->scan;
    struct sg_entry *entry = &db->entry;

    if (db->field == 0) {
        db->name_ok = s->len >= 1 && s->len <= SG_NAME_MAX;
        db->name_hit = (uint8_t)sg_scan_equals(s);
        entry->name_len = db->name_ok ? (uint32_t)s->len : 0;
        entry->home_len = 0;
    } else if (in_passwd(db)) {
        if (db->field == PASSWD_UID) {
            db->id_ok = (uint8_t)sg_scan_id(s, &entry->id);
            db->id_hit = db->id_ok && entry->id == db->uid;
        } else if (db->field == PASSWD_GID) {
            db->gid_ok = (uint8_t)sg_scan_id(s, &entry->gid);
        } else if (db->field == PASSWD_HOME) {
            db->home_ok = s->len <= SG_HOME_MAX;
            entry->home_len = db->home_ok ? (uint32_t)s->len : 0;
        }
    } else if (db->field == GROUP_GID) {
        db->gid_ok = (uint8_t)sg_scan_id(s, &entry->gid);
        if (db->gid_ok)
            entry->id = entry->gid;
    } else if (db->field == GROUP_MEMBERS && db->sought == SG_GROUP_BY_MEMBER) {
        db->member_hit = s->holds;
    }
}

static int concerns(const struct sg_userdb *db)
{
    switch (db->sought) {
    case SG_PASSWD_BY_UID:   return db->id_hit;
    case SG_GROUP_BY_MEMBER: return db->member_hit;
    default:                 return db->name_hit;
    }
}

/* The field after which it is known whether the line concerns the look-up. */
static uint32_t deciding_field(const struct sg_userdb *db)
{
    switch (db->sought) {
    case SG_PASSWD_BY_UID:   return PASSWD_UID;
    case SG_GROUP_BY_MEMBER: return GROUP_MEMBERS;
    default:                 return 0;
    }
}

static int well_formed(const struct sg_userdb *db)
{
    uint32_t fields = db->field + 1;

    if (!db->name_ok || !db->gid_ok || db->scan.nul)
        return 0;
    return in_passwd(db) ? fields >= 4 && db->id_ok && db->home_ok : fields >= 3;
}

static int line_judge(struct sg_userdb *db, struct sg_error *err)
{
    int good = well_formed(db);

    if (concerns(db)) {
        if (!good)
            return sg_fail(err, SG_STEP_NONE, EBADMSG, db->scan.line);
        db->entry.line = db->scan.line;
        return 1;
    }
    if (!good && db->count_skipped && db->skipped.lines++ == 0)
        db->skipped.first = db->scan.line;
    return 0;
}

int sg_userdb_next(struct sg_userdb *db, struct sg_error *err)
{
    for (;;) {
        enum sg_stop stop = sg_scan_field(&db->scan, field_wanted(db));
        if (stop == SG_STOP_BLOCK)
            return 0;
        field_take(db);
        if (stop == SG_STOP_LINE) {
            int rc = line_judge(db, err);
            line_begin(db);
            if (rc != 0)
                return rc;
        } else if (db->field == deciding_field(db) && !concerns(db) && !db->count_skipped) {
            sg_scan_skip_line(&db->scan);
            line_begin(db);
        } else {
            db->field++;
        }
    }
}

int sg_userdb_end(struct sg_userdb *db, struct sg_error *err)
{
    sg_userdb_block(db, "\n", 1); /* ends the last line; after a newline it is a blank line */
    return sg_userdb_next(db, err);
}

/* sgexec.h - the contract of the sgexec core
 *
 * sgexec runs a command with exactly the identity that was declared, and proves it.
 * The core knows bytes and system calls. It is cut in stages, and values flow one way:
 *
 *     options.c   argv -> struct sg_options           the one grammar
 *     rootfs.c    a directory -> descriptors          opened inside it, regular files only
 *     scan.c      blocks of bytes -> fields           pure
 *     userdb.c    fields -> passwd and group entries  pure
 *     ids.c       ids and names as typed, lists       pure
 *     lookup.c    userdb over rootfs                  context.c, grants.c  pure parts of:
 *     resolve.c   context + rootfs -> identity        decides; changes nothing
 *     creds.c     identity -> credentials             changes them; looks nothing up
 *     userns.c    whether reported ids are known
 *     launch.c    plan -> execve                      the order of effects
 *     words.c     errors -> one line of text          report.c   identity -> text, JSON
 *     command.c   the verbs, for both front ends      main.c    the static program
 *
 * Rules that hold for every function below:
 *
 *   Return    >= 0, or -errno. A look-up returns 1 found, 0 not found, -errno failed.
 *   Errors    A failure fills *err; success leaves it alone. Nothing prints but command.c.
 *   Results   are written only on success.
 *   Memory    is the caller's. The core has no globals and never allocates. It keeps
 *             no pointer past the call, except inside a value that it hands back.
 *   Text      is bytes with a length, in no encoding, from strangers. Absent is ptr NULL; empty is
 *             len 0; the two are never the same thing.
 *   Ids       are 0 .. 4294967294. SG_NO_ID is (uid_t)-1, which the kernel takes to mean "leave
 *             it": no function gives it and none takes it.
 *
 * The part between the two cffi marks is also what Python sees: build.py cuts it out, so that
 * there is no second copy. It holds no preprocessor line for that reason.
 */
#ifndef SGEXEC_H
#define SGEXEC_H

#include <stddef.h>
#include <stdint.h>

#define SG_NO_ID 4294967295u

/* cffi: begin */

/* ---- Limits -------------------------------------------------------------------------------- */

enum {
    SG_NAME_MAX = 255,        /* bytes of a user or group name */
    SG_HOME_MAX = 4095,       /* bytes of a home directory */
    SG_GROUPS_MAX = 65536,    /* the kernel's NGROUPS_MAX */
    SG_GRANTS_MAX = 131072,   /* grants of one identity: several may give the same gid */
    SG_NAMES_MAX = 16711680,  /* bytes of all group names of one identity, for explaining it */
    SG_TEXTS_MAX = 16384,     /* values of -G on one command line */
    SG_BLOCK = 131072         /* bytes per read(2): memory is constant in the size of a file */
};

/* ---- Errors -------------------------------------------------------------------------------- */

/* Which step failed. Closed: words.c has a sentence for each, and nothing else has one. */
enum sg_step {
    SG_STEP_NONE,
    /* The command line. at: the index into argv. */
    SG_STEP_VERB,             /* neither an option nor a verb */
    SG_STEP_OPTION,           /* EINVAL unknown, ENODATA its value is missing, E2BIG takes none,
                                 EEXIST given twice, ENOTSUP not an option of this verb,
                                 EBUSY excluded by --exact */
    SG_STEP_FORMAT,           /* --format is none of text, json, id, status */
    SG_STEP_FILE_LIMIT,       /* --file-limit is not a number of bytes */
    SG_STEP_NO_NEW_PRIVS,     /* --allow-privilege-escalation is not false */
    SG_STEP_NOBODY,           /* a launch must say who */
    SG_STEP_COMMAND,          /* ENODATA a launch without, E2BIG a resolve with a command */
    SG_STEP_POLICY_VARIABLE,  /* SGEXEC_POLICY is set and no policy; at: 0 */
    /* The context: EINVAL malformed, ERANGE an id too large, ENOENT no such name in the rootfs,
       EDOM a signed number. at: the index in the list, where there is one. */
    SG_STEP_POLICY,           /* EINVAL unknown, ENOTSUP the flavour has no policy */
    SG_STEP_FLAVOUR,
    SG_STEP_USER,             /* the user part of USER[:GROUP] */
    SG_STEP_USER_GROUP,       /* the group part of it */
    SG_STEP_RUN_AS_USER,
    SG_STEP_RUN_AS_USER_NAME,
    SG_STEP_RUN_AS_GROUP,     /* ENOKEY too: it needs a user, in this flavour another kind of user */
    SG_STEP_FS_GROUP,
    SG_STEP_SUPPLEMENTAL_GROUPS,
    SG_STEP_EXACT,
    SG_STEP_RUN_AS_NON_ROOT,  /* EPERM: the resolved uid is 0 */
    SG_STEP_GROUPS,           /* E2BIG: more than SG_GROUPS_MAX groups or SG_GRANTS_MAX grants,
                                 ENOBUFS: more than SG_NAMES_MAX bytes of names,
                                 EOVERFLOW: more than SG_TEXTS_MAX values of -G */
    /* Reading. code: the kernel's, or as said. */
    SG_STEP_ROOTFS,           /* the directory cannot be opened */
    SG_STEP_OPENAT2,          /* ENOSYS before Linux 5.6, EPERM refused by a seccomp filter */
    SG_STEP_PASSWD_OPEN,
    SG_STEP_PASSWD_TYPE,      /* EINVAL: not a regular file; at: its st_mode */
    SG_STEP_PASSWD_READ,      /* ESTALE: changed while it was read, EFBIG: over the limit; at: it */
    SG_STEP_PASSWD_LINE,      /* EBADMSG: a malformed line concerns the user; at: its number */
    SG_STEP_GROUP_OPEN,       /* as for passwd */
    SG_STEP_GROUP_TYPE,
    SG_STEP_GROUP_READ,
    SG_STEP_GROUP_LINE,
    /* Acting, in the order of effects. */
    SG_STEP_PRIVILEGED_START, /* EPERM: started set-user-ID, set-group-ID or with file capabilities */
    SG_STEP_DESCRIPTORS,      /* own descriptors above 2; descriptors closed on exec */
    SG_STEP_CHROOT,           /* EPERM: at is the capability that is missing, or 0 */
    SG_STEP_KEYRING,
    SG_STEP_SETGROUPS,        /* EPERM: at is the capability that is missing, or 0 where it is there
                                 and the user namespace or a filter refuses all the same */
    SG_STEP_SETRESGID,
    SG_STEP_SETRESUID,
    SG_STEP_CAPSET,
    SG_STEP_CWD,              /* ENOENT: getcwd does not begin with a slash: outside the root */
    SG_STEP_SET_NO_NEW_PRIVS,
    SG_STEP_PROVE,            /* EBADE: what was read back differs; at: enum sg_proof */
    SG_STEP_EXEC,             /* ENOENT with at 1: the file is there, its interpreter is not */
    SG_STEP_WRITE,            /* the answer cannot be written to stdout */
    SG_STEP_VERB_PROGRAM,     /* sgexec-py beside this program cannot be run */
    SG_STEP_END
};

/* What a proof found different (sg_error.at of SG_STEP_PROVE). */
enum sg_proof {
    SG_PROOF_UID = 1, SG_PROOF_GID, SG_PROOF_GROUPS, SG_PROOF_CAPABILITIES, SG_PROOF_AMBIENT,
    SG_PROOF_NO_NEW_PRIVS, SG_PROOF_ROOT,
    SG_PROOF_UID_REGAINED,    /* setresuid to a former uid or to 0 succeeded */
    SG_PROOF_GID_REGAINED
};

/* 16 bytes, no pointer: can cross a pipe as it is. */
struct sg_error {
    int32_t code;             /* an errno, > 0 */
    uint32_t step;            /* enum sg_step */
    uint64_t at;              /* where: see the step */
};

/* ---- Values -------------------------------------------------------------------------------- */

struct sg_text {
    const char *ptr;          /* NULL: not given */
    size_t len;
};

/* No value is 0: memory that nobody filled is never a policy, a flavour, an origin. */
enum sg_policy { SG_POLICY_MERGE = 1, SG_POLICY_STRICT };

/* Whose rules. Launching is always oci; the others predict what that runtime would give. */
enum sg_flavour {
    SG_FLAVOUR_OCI = 1, SG_FLAVOUR_CONTAINERD, SG_FLAVOUR_CRIO, SG_FLAVOUR_DOCKER,
    SG_FLAVOUR_PODMAN
};

/* Why a gid is there. The first four of the user are the primary gid's. */
enum sg_origin {
    SG_ORIGIN_USER = 1,             /* GROUP of USER[:GROUP] */
    SG_ORIGIN_PASSWD,               /* the gid of the user's passwd line */
    SG_ORIGIN_RUN_AS_GROUP,
    SG_ORIGIN_DEFAULT,              /* gid 0 of a uid without a passwd line */
    SG_ORIGIN_FS_GROUP,
    SG_ORIGIN_SUPPLEMENTAL_GROUPS,  /* with its index in the list */
    SG_ORIGIN_IMAGE,                /* a line of etc/group names the user: what Strict withholds */
    SG_ORIGIN_EXACT
};

/* What was declared. Every text is as somebody typed it: the one place that reads ids and names is
 * sg_resolve. Ids are decimal, at most 2147483647 (the limit of Kubernetes and of OCI USER strings). */
struct sg_context {
    uint32_t policy;                /* enum sg_policy */
    uint32_t flavour;               /* enum sg_flavour */
    uint32_t run_as_non_root;       /* 1: a resolved uid 0 is an error */
    uint32_t explain;               /* 1: for people. Group names are kept, Strict also reads what it
                                       withholds, and malformed lines are counted */
    uint64_t file_limit;            /* bytes; a larger etc/passwd or etc/group is an error */
    struct sg_text user;            /* USER[:GROUP], ids or names; ignored beside the next two */
    struct sg_text run_as_user;     /* an id */
    struct sg_text run_as_user_name;/* a name; digits are an id; wins over run_as_user */
    struct sg_text run_as_group;    /* an id, or a name of the rootfs */
    struct sg_text fs_group;        /* likewise */
    const struct sg_text *supplemental_groups;  /* each GID[,GID...], ids or names */
    size_t supplemental_groups_len; /* texts, not groups */
};

struct sg_grant {
    uint32_t gid;
    uint16_t origin;                /* enum sg_origin */
    uint16_t withheld;              /* 1: Merge would grant it, Strict does not */
    uint32_t index;                 /* in the list of supplemental groups, else 0 */
    uint32_t name_len;              /* bytes of the group's name; 0: not known */
    uint64_t line;                  /* of etc/group, for origin passwd of etc/passwd; 0: none */
    uint64_t name_at;               /* where the name begins in sg_workspace.names */
};

/* Lines that nobody needed and that are malformed (counted only with explain). */
struct sg_skipped {
    uint64_t lines;                 /* how many */
    uint64_t first;                 /* the number of the first, from 1; 0: none */
};

struct sg_identity {
    uint32_t uid, gid;
    uint32_t policy;                /* enum sg_policy; 0 with --exact, where none applies */
    uint32_t user_ignored;          /* 1: `user` was given beside run_as_user[_name] */
    uint32_t groups_len;            /* sg_workspace.groups: unique and ascending, gid among them (in a
                                       flavour: in that runtime's order) */
    uint32_t grants_len;            /* sg_workspace.grants: by gid, then origin, then place */
    uint64_t passwd_line;           /* the user's line in etc/passwd; 0: it has none */
    uint32_t user_len, home_len;    /* 0: not known */
    struct sg_skipped passwd_skipped, group_skipped;
    struct sg_error withheld_error; /* code != 0: what Strict withholds could not be read */
    char user[256];
    char home[4096];
};

/* The memory of one resolution, about 23 MB, of which only what is used is touched. One a thread, never
 * on a stack (a musl thread has 128 KiB). It need not be zero. The arrays of a struct sg_identity live
 * here until the next call with the same workspace. What every launch touches comes first and close together: in the
 * static program that is before the first place where the kernel could put (and clear) a huge page. */
struct sg_workspace {
    uint64_t names_len;
    char block[131072];
    uint32_t held[65537];           /* groups as the kernel reports them */
    uint32_t groups[131073];
    struct sg_text texts[16384];    /* the values of -G */
    struct sg_grant grants[131072];
    char names[16711680];
};

/* ---- rootfs.c: files inside a directory ------------------------------------------------------ */

/* A directory whose etc/passwd and etc/group are read. */
struct sg_rootfs {
    int32_t fd;                     /* O_PATH, close-on-exec, above 2 */
    uint32_t own;                   /* 1: this process's own root, `/`: there is no outside, and no
                                       openat2 is needed */
};

/* Opens a rootfs. `path` may be a symbolic link (it is the caller's, not the image's); it is `/` only
 * where it consists of slashes. Returns 0; the caller closes it. Errors: SG_STEP_ROOTFS. */
int sg_rootfs_open(const char *path, struct sg_rootfs *rootfs, struct sg_error *err);
void sg_rootfs_close(struct sg_rootfs *rootfs);

/* ---- resolve.c: the policy ------------------------------------------------------------------- */

/* Resolves `context` against `rootfs`. Reads etc/passwd, and etc/group where the policy, a group given by
 * name or `explain` needs it; never anything else, never NSS. No privilege, no effect. Returns 0. */
int sg_resolve(const struct sg_rootfs *rootfs, const struct sg_context *context,
               struct sg_workspace *ws, struct sg_identity *identity, struct sg_error *err);

/* Takes the ids as they are given: `exact` is UID:GID[:GID,...], more groups are in `more`, each
 * GID[,GID...]. No file is read, so user, home and policy are not known. Ids up to 4294967294. */
int sg_exact(struct sg_text exact, const struct sg_text *more, size_t more_len,
             struct sg_workspace *ws, struct sg_identity *identity, struct sg_error *err);

/* The groups that etc/group gives to the user called `name`, and `gid`: unique and ascending in ws->groups.
 * The name need not be in etc/passwd, as in getgrouplist(3). Returns how many there are. */
int sg_getgrouplist(const struct sg_rootfs *rootfs, struct sg_text name, uint32_t gid,
                    uint64_t file_limit, struct sg_workspace *ws, struct sg_error *err);

/* ---- userdb.c: passwd and group lines, pure --------------------------------------------------- */

enum sg_sought {
    SG_PASSWD_BY_NAME = 1, SG_PASSWD_BY_UID,   /* the first entry */
    SG_GROUP_BY_NAME,                          /* the first entry */
    SG_GROUP_BY_MEMBER                         /* every entry whose member list has the name */
};

/* An entry that was found. */
struct sg_entry {
    uint32_t id;                    /* uid of a user; gid of a group */
    uint32_t gid;                   /* of either */
    uint64_t line;                  /* from 1 */
    uint32_t name_len, home_len;
    char name[256];
    char home[4096];                /* bytes, not terminated; only of a user */
};

/* One look-up in a stream of blocks: the state between them. Fields are private to scan.c and userdb.c. */
struct sg_scan {
    const char *p, *end;            /* what is left of the block */
    const char *needle;
    size_t needle_len;
    uint64_t line;                  /* number of the line being read */
    uint64_t len;                   /* bytes of the field so far, or of the list's element */
    uint64_t solid;                 /* the same without the blanks at its end */
    uint64_t differs;               /* where it first differs from the needle */
    uint64_t value;                 /* as a number, saturated */
    uint64_t digits;                /* how many digits it begins with */
    char *text;                     /* where the field is kept: text_max bytes, or NULL */
    uint32_t text_max;
    uint8_t begun;                  /* the line has a byte that is not blank */
    uint8_t skip;                   /* comment, NIS line, or of no more interest */
    uint8_t nul;                    /* the line holds a NUL */
    uint8_t holds;                  /* the list has the needle as an element */
    uint8_t ended;                  /* the field has ended; the next one has not begun */
};

struct sg_userdb {
    struct sg_scan scan;
    uint32_t sought;                /* enum sg_sought */
    uint32_t uid;
    uint32_t count_skipped;
    uint32_t field;                 /* of the line, from 0 */
    uint8_t name_ok, name_hit, id_ok, id_hit, gid_ok, member_hit, home_ok;
    struct sg_skipped skipped;
    struct sg_entry entry;
};

/* Begins a look-up of `name` (1 to 255 bytes; must stay) or, for SG_PASSWD_BY_UID, of `uid`.
 * count_skipped: read every line to its end and count the malformed ones in db->skipped. */
void sg_userdb_begin(struct sg_userdb *db, uint32_t sought, struct sg_text name, uint32_t uid,
                     uint32_t count_skipped);

/* Hands over the next block. Its bytes must stay until sg_userdb_next has answered 0. */
void sg_userdb_block(struct sg_userdb *db, const char *bytes, size_t len);

/* The next entry that the look-up is for: 1 it is in db->entry, 0 the block is used up, -EBADMSG a
 * malformed line concerns the look-up (its number in err->at; err->step is for the caller to fill). */
int sg_userdb_next(struct sg_userdb *db, struct sg_error *err);

/* The same at the end of the stream: its last line may lack the newline. */
int sg_userdb_end(struct sg_userdb *db, struct sg_error *err);

/* ---- launch.c: from the plan to execve ----------------------------------------------------------- */

/* The wanted ids: plain numbers, no policy, no file. */
struct sg_target {
    uint32_t uid, gid;
    const uint32_t *groups;         /* unique, ascending, with gid */
    uint32_t groups_len;
};

struct sg_plan {
    struct sg_target target;
    uint32_t no_new_privs;          /* 1: set it; 0: leave it as the caller's */
    uint32_t has_root;              /* 1: chroot to `root` */
    struct sg_rootfs root;
    char *const *argv;              /* NULL-terminated, argv[0] sought in PATH where it has no slash */
    char *const *envp;
    struct sg_workspace *ws;        /* for the proof, and for the path of the command; ws->groups may
                                       hold the target's groups, the rest is overwritten */
    uint32_t in_python;             /* 1: the interpreter's ignored signals are reset */
};

/* ---- words.c --------------------------------------------------------------------------------------- */

/* What an error is about: the text that a sentence quotes. */
struct sg_subject {
    const struct sg_context *context;   /* or NULL */
    const char *rootfs;                 /* as it was given, or NULL */
    char *const *argv;                  /* of sgexec, or NULL */
    int32_t argc;
    const char *command;                /* argv[0] of the plan, or NULL */
    struct sg_text exact, policy;       /* as they were given */
    uint32_t fields;                    /* 1: name inputs as fields (runAsGroup), not as options
                                           (--run-as-group) */
};

/* Writes the sentence for `err`, printable ASCII without "sgexec: " and newline, to out[cap]; returns its length.
 * 4096 bytes hold every sentence: what is quoted is cut at 256 bytes. */
size_t sg_error_words(const struct sg_error *err, const struct sg_subject *subject, char *out, size_t cap);

/* The escape for every name that comes from a stranger: printable ASCII as it is, backslash doubled, any
 * other byte \xNN. Returns the length; 4 bytes for each of `text` always suffice, more is left out. */
size_t sg_escape(struct sg_text text, char *out, size_t cap);

/* ---- command.c: what the static program and sgexec-py have in common --------------------------------- */

/* Version and a digest of csrc/, the same in every part of one build. */
const char *sg_stamp(void);

/* Replaces this process by the plan's command, in one call. Returns -errno with *err as long as nothing has
 * been changed; after the first effect there is no way back: a failure is one line on stderr and _exit with
 * 125, 126 or 127. */
int sg_execute(const struct sg_plan *plan, const struct sg_subject *subject, struct sg_error *err);

/* The verbs launch, run, resolve, help and version. argv[0] is not looked at. Returns the exit code;
 * a launch that succeeds does not return. SG_PYTHON_VERB: argv[1] is a verb of Python's. */
enum { SG_PYTHON_VERB = 256 };
int sg_command(int argc, char **argv, char **envp, struct sg_workspace *ws, uint32_t in_python);

/* The environment of this process, as libc has it now. */
char **sg_environment(void);

/* cffi: end */

/* ==== Within the core ========================================================================= */

static inline struct sg_text sg_text(const char *s)
{
    struct sg_text t = { s, s ? __builtin_strlen(s) : 0 };
    return t;
}

static inline int sg_fail(struct sg_error *err, enum sg_step step, int code, uint64_t at)
{
    err->code = code;
    err->step = (uint32_t)step;
    err->at = at;
    return -code;
}

/* ---- scan.c ---- */

/* What to find out about a field. */
enum sg_want {
    SG_WANT_NOTHING,          /* pass over it */
    SG_WANT_TEXT,             /* keep the first text_max bytes; compare it with the needle */
    SG_WANT_NUMBER,           /* read it as a number */
    SG_WANT_LIST              /* whether the needle is one of its elements (comma between) */
};

/* Where the scan stopped. */
enum sg_stop { SG_STOP_BLOCK, SG_STOP_FIELD, SG_STOP_LINE };

/* Reads on in the field that the scan is in: to its end (FIELD: a colon, LINE: the newline; s->line lines
 * have ended then), or to the end of the block. Blank lines and comments are passed over. */
enum sg_stop sg_scan_field(struct sg_scan *s, enum sg_want want);

/* Of the field that ended: is it the needle; is it an id. */
int sg_scan_equals(const struct sg_scan *s);
int sg_scan_id(const struct sg_scan *s, uint32_t *id);

/* Passes over the rest of the line. */
void sg_scan_skip_line(struct sg_scan *s);

/* ---- ids.c: ids and names as somebody typed them, and lists of ids ---- */

struct sg_ref {
    uint32_t is_id;           /* 1: id; 0: name */
    uint32_t id;
    struct sg_text name;
};

#define SG_DECLARED_MAX 2147483647u   /* the limit of Kubernetes documents and OCI USER strings */
#define SG_ID_MAX 4294967294u

/* Digits are an id, never a name. -EINVAL malformed, -ERANGE over `max`, -EDOM a signed number. */
int sg_ref_parse(struct sg_text text, uint32_t max, struct sg_ref *ref);

/* Goes through "A,B" "C" as A, B, C. Begin with a zeroed cursor; 1 an element (it may be empty), 0 the end. */
struct sg_cursor { size_t text, at; uint32_t index, begun; };
int sg_list_next(const struct sg_text *texts, size_t texts_len, struct sg_cursor *cursor,
                 struct sg_text *element);

/* In place, without allocating (qsort of glibc does); heapsort, so no input makes it slow. */
void sg_sort(void *base, size_t n, size_t size, int (*less)(const void *, const void *));

/* Sorts, drops duplicates, returns how many are left. */
uint32_t sg_ids_sort_unique(uint32_t *ids, uint32_t n);

/* ---- context.c: the syntax of what was declared ---- */

struct sg_declared {
    struct sg_ref user, user_group, run_as_group, fs_group;
    uint32_t has_user, has_user_group, has_run_as_group, has_fs_group;
};

static inline int sg_given(struct sg_text text)
{
    return text.ptr != NULL;
}

/* Refuses everything that can be refused without looking at a file. `declared` then has the user and the groups
 * that count; the supplemental groups stay texts, whose elements sg_ref_declared reads one by one. */
int sg_declared_check(const struct sg_context *context, struct sg_declared *declared, struct sg_error *err);
int sg_ref_declared(struct sg_text text, enum sg_step step, uint64_t at, struct sg_ref *ref,
                    struct sg_error *err);

/* ---- rootfs.c ---- */

enum sg_database { SG_PASSWD, SG_GROUP };

struct sg_file {
    int fd;
    enum sg_database database;
    uint64_t size, got;       /* bytes, by fstat at open; read so far */
    int64_t changed[4];       /* mtime and ctime, by fstat at open */
};

/* 1 opened, 0 absent (ENOENT, ENOTDIR), -errno. Regular files of at most `limit` bytes only. */
int sg_file_open(const struct sg_rootfs *rootfs, enum sg_database database, uint64_t limit,
                 struct sg_file *file, struct sg_error *err);

/* How many bytes; 0 at the end, where they must be as many as fstat said. */
int sg_file_read(struct sg_file *file, char *block, size_t cap, struct sg_error *err);

int sg_file_rewind(struct sg_file *file, struct sg_error *err);

/* 0: the file is as it was when it was opened. -ESTALE: it was changed meanwhile. */
int sg_file_unchanged(const struct sg_file *file, struct sg_error *err);
void sg_file_close(struct sg_file *file);

/* The same descriptor, or its duplicate above 2, close-on-exec: 0 to 2 are the command's, open or closed. */
int sg_fd_above_2(int fd);

/* ---- lookup.c: userdb.c over the files of a rootfs ---- */

struct sg_lookup {
    const struct sg_rootfs *rootfs;
    uint64_t file_limit;
    struct sg_workspace *ws;        /* its block */
    uint32_t count_skipped;
    uint32_t group_state;
    uint32_t at_end;
    struct sg_file group;           /* opened by the first look-up that needs it, once */
    struct sg_userdb db;            /* its entry is the answer */
};
void sg_lookup_begin(struct sg_lookup *l, const struct sg_rootfs *rootfs, uint64_t file_limit,
                     struct sg_workspace *ws, uint32_t count_skipped);
void sg_lookup_end(struct sg_lookup *l);

/* 1 l->db.entry is it, 0 there is none (or no such file). */
int sg_lookup_user(struct sg_lookup *l, const struct sg_ref *user, struct sg_error *err);
int sg_lookup_group(struct sg_lookup *l, const struct sg_ref *group, struct sg_error *err);

/* Begins to go through the groups that have `name` (which must stay) as a member: 1, or 0 there is no etc/group.
 * Then sg_lookup_next: 1 l->db.entry is one, 0 that was all. */
int sg_lookup_memberships(struct sg_lookup *l, struct sg_text name, struct sg_error *err);
int sg_lookup_next(struct sg_lookup *l, struct sg_error *err);

/* ---- grants.c ---- */

/* Appends to ws->grants; keeps the name where it has bytes. */
int sg_grant_add(struct sg_workspace *ws, uint32_t *grants_len, struct sg_grant grant, struct sg_text name,
                 struct sg_error *err);

/* ws->grants, as they were added, to ws->groups in the flavour's order; then sorts the grants. Returns how many
 * groups there are. */
int sg_groups_from_grants(struct sg_workspace *ws, uint32_t grants_len, uint32_t flavour,
                          struct sg_error *err);

/* ---- userns.c ---- */

struct sg_creds;

/* 1: every id in `now` is known; 0: one is the overflow id of a user namespace, and may stand for any other. Reads
 * the maps in /proc; what cannot be read is taken for a namespace. */
int sg_userns_shows_all(const struct sg_creds *now);

/* ---- creds.c: the only file that changes credentials ---- */

/* The ids of this thread as the kernel reports them. */
struct sg_creds {
    uint32_t ruid, euid, suid, rgid, egid, sgid;
    uint32_t groups_len;      /* unique, ascending */
    uint32_t *groups;         /* room for SG_GROUPS_MAX */
};

struct sg_caps { uint64_t effective, permitted, inheritable; };

enum { SG_CAP_SETGID = 6, SG_CAP_SETUID = 7, SG_CAP_SYS_CHROOT = 18 };

/* Fills memory with 0xff first, so that a call that lies about success is seen. */
int sg_creds_read(struct sg_creds *creds, struct sg_error *err);
int sg_caps_read(struct sg_caps *caps, struct sg_error *err);

/* Refuses a process that was started with more than its caller had: ids that differ, or permitted
 * capabilities of a non-root uid that are not ambient. A Python process is judged by its ids alone. */
int sg_creds_refuse_privileged_start(const struct sg_creds *now, uint32_t in_python, struct sg_error *err);

/* 1: uid, gid and groups are exactly there already, and what is reported is what it is (in a user namespace
 * the overflow id may stand for any other). Reads /proc. */
int sg_creds_are(const struct sg_creds *now, const struct sg_target *target);

/* 0, or what stands between `now` and `target` that is known before trying: a capability, denied setgroups. */
int sg_creds_can_change(const struct sg_creds *now, const struct sg_target *target, struct sg_error *err);

/* Leaves the caller's session keyring, then setgroups, setresgid, setresuid. */
int sg_creds_change(const struct sg_target *target, struct sg_error *err);

/* Capabilities to what the target is to have: none for a non-root uid; for uid 0 permitted and effective stay,
 * inheritable and ambient are emptied. `*wanted` is what was set. */
int sg_caps_change(const struct sg_target *target, struct sg_caps *wanted, struct sg_error *err);

int sg_no_new_privs_set(struct sg_error *err);

/* Reads everything back and compares; where ids changed, tries to regain the former ones, which must fail. */
int sg_creds_prove(const struct sg_target *target, const struct sg_creds *before, const struct sg_caps *caps,
                   uint32_t changed, uint32_t no_new_privs, uint32_t *held, struct sg_error *err);

/* ---- launch.c ---- */

/* Everything that can be known to fail before anything is changed. */
struct sg_launch {
    struct sg_creds before;
    uint32_t there;           /* already exactly at the target */
    uint32_t keep_until;      /* descriptors 3 .. keep_until stay open: socket activation; 2: none */
    uint32_t marked;          /* 1: the others are close-on-exec already */
};
int sg_launch_check(const struct sg_plan *plan, struct sg_launch *launch, struct sg_error *err);

/* Every effect, in its order, then execve. Returns only -errno. */
int sg_launch_go(const struct sg_plan *plan, const struct sg_launch *launch, struct sg_error *err);

/* 125, 126 or 127. */
int sg_exit_code(const struct sg_error *err);

/* ---- options.c ---- */

enum sg_verb { SG_VERB_LAUNCH = 1, SG_VERB_RESOLVE, SG_VERB_HELP, SG_VERB_VERSION, SG_VERB_PYTHON };
enum sg_format { SG_FORMAT_TEXT = 1, SG_FORMAT_JSON, SG_FORMAT_ID, SG_FORMAT_STATUS };

struct sg_options {
    enum sg_verb verb;
    enum sg_format format;
    struct sg_context context;
    struct sg_text exact;           /* ptr NULL: not given */
    struct sg_text policy;          /* as given, by option or variable */
    const char *rootfs;             /* never NULL */
    uint32_t chroot, no_new_privs;
    char **command;                 /* within argv, NULL-terminated */
};

/* argv[0] is not looked at. `policy_variable` is the value of SGEXEC_POLICY or NULL. `texts` has room for
 * SG_TEXTS_MAX values of -G, which the context then points to. *options is also filled as far as possible when an
 * error is returned, so that the sentence can quote what was given. */
int sg_options_parse(int argc, char **argv, const char *policy_variable, struct sg_text *texts,
                     struct sg_options *options, struct sg_error *err);

/* The text of --help. */
extern const char sg_usage[];

/* ---- words.c, report.c ---- */

/* Bytes on their way to a descriptor, or (fd -1) only to memory, where what does not fit is left out. */
struct sg_out {
    int fd;
    int failed;               /* the errno of the first write that failed; nothing is written after it */
    size_t len, cap;
    char *bytes;
};
void sg_out_bytes(struct sg_out *out, struct sg_text bytes);
void sg_out_text(struct sg_out *out, const char *text);
void sg_out_number(struct sg_out *out, uint64_t n);
void sg_out_escaped(struct sg_out *out, struct sg_text text);
int sg_out_flush(struct sg_out *out);

/* Which option or, in the words of the library, which field an input is. */
const char *sg_input_name(uint32_t step, uint32_t fields);

/* The identity in the format that was asked for. */
void sg_report(struct sg_out *out, const struct sg_options *options, const struct sg_identity *identity,
               const struct sg_workspace *ws);

/* ---- command.c ---- */

/* The sentence as one line on stderr. */
void sg_complain(const struct sg_error *err, const struct sg_subject *subject);

#endif

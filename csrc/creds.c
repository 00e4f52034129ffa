/* creds.c - the only file that changes credentials. It takes numbers and looks nothing up.
 *
 * Raw system calls, for two reasons: libc's wrappers change every thread of a process (we change one, and exec ends the
 * others), and some of them are no-ops for ids that they believe to be set already.
 */
#define _GNU_SOURCE
#include "sgexec.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The numbers with 32-bit ids. On i386 and arm the plain names are 16-bit: 65536 would become root. H11 */
#if (defined(__x86_64__) && defined(__LP64__)) || defined(__aarch64__) || defined(__s390x__) \
    || (defined(__riscv) && __riscv_xlen == 64) || defined(__powerpc64__) || defined(__loongarch64)
enum {
    NR_SETGROUPS = SYS_setgroups, NR_GETGROUPS = SYS_getgroups,
    NR_SETRESUID = SYS_setresuid, NR_GETRESUID = SYS_getresuid,
    NR_SETRESGID = SYS_setresgid, NR_GETRESGID = SYS_getresgid
};
#elif defined(__i386__) || defined(__arm__)
enum {
    NR_SETGROUPS = SYS_setgroups32, NR_GETGROUPS = SYS_getgroups32,
    NR_SETRESUID = SYS_setresuid32, NR_GETRESUID = SYS_getresuid32,
    NR_SETRESGID = SYS_setresgid32, NR_GETRESGID = SYS_getresgid32
};
#else
#error "which setgroups of this architecture has 32-bit ids?"
#endif

/* <linux/capability.h>, <linux/prctl.h>, <linux/keyctl.h>: not there with every libc. */
struct cap_header {
    uint32_t version;
    int32_t pid;
};
struct cap_data {
    uint32_t effective, permitted, inheritable;
};
_Static_assert(sizeof(struct cap_header) == 8 && sizeof(struct cap_data) == 12, "capset(2), version 3");
enum { CAP_VERSION_3 = 0x20080522, CAP_LAST_POSSIBLE = 63 };
enum {
    PR_SET_NO_NEW_PRIVS_ = 38, PR_GET_NO_NEW_PRIVS_ = 39, PR_CAP_AMBIENT_ = 47,
    AMBIENT_IS_SET = 1, AMBIENT_CLEAR_ALL = 4
};
enum { KEYCTL_JOIN_SESSION_KEYRING_ = 1 };

static int has(uint64_t set, unsigned cap)
{
    return (set >> cap & 1) != 0;
}

/* All five are longs to the kernel, which refuses stray bits in the ones that an operation does not use. */
static long process_control(unsigned long operation, unsigned long a, unsigned long b)
{
    return syscall(SYS_prctl, operation, a, b, 0ul, 0ul);
}

static int ambient_is_set(unsigned cap)
{
    return process_control(PR_CAP_AMBIENT_, AMBIENT_IS_SET, cap) == 1;
}

/* ---- reading ---- */

int sg_creds_read(struct sg_creds *creds, struct sg_error *err)
{
    uint32_t *groups = creds->groups;

    memset(creds, 0xff, sizeof *creds);
    creds->groups = groups;
    if (syscall(NR_GETRESUID, &creds->ruid, &creds->euid, &creds->suid) < 0)
        return sg_fail(err, SG_STEP_SETRESUID, errno, 0);
    if (syscall(NR_GETRESGID, &creds->rgid, &creds->egid, &creds->sgid) < 0)
        return sg_fail(err, SG_STEP_SETRESGID, errno, 0);
    long n = syscall(NR_GETGROUPS, SG_GROUPS_MAX, groups);
    if (n < 0)
        return sg_fail(err, SG_STEP_SETGROUPS, errno, 0);
    /* The kernel sorts by its own ids and keeps duplicates. */
    creds->groups_len = sg_ids_sort_unique(groups, (uint32_t)n);
    return 0;
}

int sg_caps_read(struct sg_caps *caps, struct sg_error *err)
{
    struct cap_header header = { CAP_VERSION_3, 0 };
    struct cap_data data[2];

    memset(data, 0xff, sizeof data);
    if (syscall(SYS_capget, &header, data) < 0)
        return sg_fail(err, SG_STEP_CAPSET, errno, 0);
    caps->effective = data[0].effective | (uint64_t)data[1].effective << 32;
    caps->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    caps->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    return 0;
}

int sg_creds_refuse_privileged_start(const struct sg_creds *now, uint32_t in_python, struct sg_error *err)
{
    struct sg_caps caps;

    if (now->ruid != now->euid || now->euid != now->suid || now->rgid != now->egid
        || now->egid != now->sgid)
        return sg_fail(err, SG_STEP_PRIVILEGED_START, EPERM, 0);
    if (in_python || now->ruid == 0)
        return 0;
    int rc = sg_caps_read(&caps, err);
    if (rc < 0)
        return rc;
    for (unsigned cap = 0; cap <= CAP_LAST_POSSIBLE; cap++)
        if (has(caps.permitted, cap) && !ambient_is_set(cap))
            return sg_fail(err, SG_STEP_PRIVILEGED_START, EPERM, 1);
    return 0;
}

/* ---- already there ---- */

static int ids_equal(const struct sg_creds *now, const struct sg_target *target)
{
    return now->ruid == target->uid && now->euid == target->uid && now->suid == target->uid
           && now->rgid == target->gid && now->egid == target->gid && now->sgid == target->gid;
}

static int groups_equal(const struct sg_creds *now, const struct sg_target *target)
{
    return now->groups_len == target->groups_len
           && memcmp(now->groups, target->groups, target->groups_len * sizeof(uint32_t)) == 0;
}

int sg_creds_are(const struct sg_creds *now, const struct sg_target *target)
{
    return ids_equal(now, target) && groups_equal(now, target) && sg_userns_shows_all(now);
}

/* ---- changing ---- */

static int missing(const struct sg_caps *caps, unsigned cap)
{
    return !has(caps->effective, cap);
}

int sg_creds_can_change(const struct sg_creds *now, const struct sg_target *target, struct sg_error *err)
{
    struct sg_caps caps;
    int rc = sg_caps_read(&caps, err);

    if (rc < 0)
        return rc;
    if (missing(&caps, SG_CAP_SETGID))
        return sg_fail(err, SG_STEP_SETGROUPS, EPERM, SG_CAP_SETGID);
    if (now->ruid != target->uid && missing(&caps, SG_CAP_SETUID))
        return sg_fail(err, SG_STEP_SETRESUID, EPERM, SG_CAP_SETUID);
    /* One group too many: the kernel asks first whether we may at all (EPERM), then refuses the size (EINVAL). It
     * says what /proc/self/setgroups says, also without /proc, at a tenth of the time. */
    if (syscall(NR_SETGROUPS, (size_t)SG_GROUPS_MAX + 1, NULL) < 0 && errno == EPERM)
        return sg_fail(err, SG_STEP_SETGROUPS, EPERM, 0);
    return 0;
}

/* exec keeps the session keyring: a dropped process would read its caller's keys. H26 */
static int keyring_leave(struct sg_error *err)
{
    if (syscall(SYS_keyctl, (long)KEYCTL_JOIN_SESSION_KEYRING_, 0ul, 0ul, 0ul, 0ul) < 0 && errno != ENOSYS
        && errno != EPERM)
        return sg_fail(err, SG_STEP_KEYRING, errno, 0);
    return 0;
}

int sg_creds_change(const struct sg_target *target, struct sg_error *err)
{
    uint32_t uid = target->uid, gid = target->gid;
    int rc = keyring_leave(err);

    if (rc < 0)
        return rc;
    if (syscall(NR_SETGROUPS, (size_t)target->groups_len, target->groups) < 0)
        return sg_fail(err, SG_STEP_SETGROUPS, errno, 0);
    if (syscall(NR_SETRESGID, gid, gid, gid) < 0)
        return sg_fail(err, SG_STEP_SETRESGID, errno, gid);
    if (syscall(NR_SETRESUID, uid, uid, uid) < 0)
        return sg_fail(err, SG_STEP_SETRESUID, errno, uid);
    return 0;
}

int sg_caps_change(const struct sg_target *target, struct sg_caps *wanted, struct sg_error *err)
{
    struct cap_header header = { CAP_VERSION_3, 0 };
    struct sg_caps caps;
    int rc = sg_caps_read(&caps, err);

    if (rc < 0)
        return rc;
    /* Always by name: with SECBIT_NO_SETUID_FIXUP or ambient ones, a change of ids clears nothing. H23 */
    if (target->uid != 0)
        caps.effective = caps.permitted = 0;
    caps.inheritable = 0;
    const struct cap_data data[2] = {
        { (uint32_t)caps.effective, (uint32_t)caps.permitted, 0 },
        { (uint32_t)(caps.effective >> 32), (uint32_t)(caps.permitted >> 32), 0 },
    };
    if (syscall(SYS_capset, &header, data) < 0)
        return sg_fail(err, SG_STEP_CAPSET, errno, 0);
    /* EINVAL: before Linux 4.3 there is no ambient set. */
    if (process_control(PR_CAP_AMBIENT_, AMBIENT_CLEAR_ALL, 0) < 0 && errno != EINVAL)
        return sg_fail(err, SG_STEP_CAPSET, errno, 0);
    *wanted = caps;
    return 0;
}

int sg_no_new_privs_set(struct sg_error *err)
{
    if (process_control(PR_SET_NO_NEW_PRIVS_, 1, 0) < 0)
        return sg_fail(err, SG_STEP_SET_NO_NEW_PRIVS, errno, 0);
    return 0;
}

/* ---- proving (H24) ---- */

static int differs(struct sg_error *err, enum sg_proof what)
{
    return sg_fail(err, SG_STEP_PROVE, EBADE, (uint64_t)what);
}

static int prove_ids(const struct sg_target *target, uint32_t *held, struct sg_error *err)
{
    struct sg_creds now = { .groups = held };
    int rc = sg_creds_read(&now, err);

    if (rc < 0)
        return rc;
    if (!groups_equal(&now, target))
        return differs(err, SG_PROOF_GROUPS);
    if (now.rgid != target->gid || now.egid != target->gid || now.sgid != target->gid)
        return differs(err, SG_PROOF_GID);
    if (now.ruid != target->uid || now.euid != target->uid || now.suid != target->uid)
        return differs(err, SG_PROOF_UID);
    return 0;
}

static int prove_caps(const struct sg_caps *wanted, uint32_t no_new_privs, struct sg_error *err)
{
    struct sg_caps caps;
    int rc = sg_caps_read(&caps, err);

    if (rc < 0)
        return rc;
    if (caps.effective != wanted->effective || caps.permitted != wanted->permitted || caps.inheritable != 0)
        return differs(err, SG_PROOF_CAPABILITIES);
    /* -1: past the kernel's last capability. None can be ambient that is not inheritable, all the same. */
    long ambient = 0;
    for (unsigned cap = 0; ambient >= 0 && cap <= CAP_LAST_POSSIBLE; cap++)
        if ((ambient = process_control(PR_CAP_AMBIENT_, AMBIENT_IS_SET, cap)) > 0)
            return differs(err, SG_PROOF_AMBIENT);
    if (no_new_privs && process_control(PR_GET_NO_NEW_PRIVS_, 0, 0) != 1)
        return differs(err, SG_PROOF_NO_NEW_PRIVS);
    return 0;
}

static int regains_uid(uint32_t old, uint32_t target)
{
    return old != target && syscall(NR_SETRESUID, old, old, old) == 0;
}

static int regains_gid(uint32_t old, uint32_t target)
{
    return old != target && syscall(NR_SETRESGID, old, old, old) == 0;
}

/* Uid 0 is not asked to fail: it has its capabilities, and can. */
static int prove_no_way_back(const struct sg_target *target, const struct sg_creds *before,
                             struct sg_error *err)
{
    if (target->uid == 0)
        return 0;
    if (regains_gid(before->rgid, target->gid) || regains_gid(before->egid, target->gid)
        || regains_gid(before->sgid, target->gid))
        return differs(err, SG_PROOF_GID_REGAINED);
    if (regains_uid(0, target->uid) || regains_uid(before->ruid, target->uid)
        || regains_uid(before->euid, target->uid) || regains_uid(before->suid, target->uid))
        return differs(err, SG_PROOF_UID_REGAINED);
    return 0;
}

int sg_creds_prove(const struct sg_target *target, const struct sg_creds *before, const struct sg_caps *caps,
                   uint32_t changed, uint32_t no_new_privs, uint32_t *held, struct sg_error *err)
{
    int rc = changed ? prove_no_way_back(target, before, err) : 0;

    if (rc == 0)
        rc = prove_ids(target, held, err);
    return rc < 0 ? rc : prove_caps(caps, no_new_privs, err);
}

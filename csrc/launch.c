/* launch.c - everything between a plan and execve, in one order:
 *
 *     check     a privileged start is refused; what is missing is named; descriptors; /proc is read only here
 *     chroot    through the descriptor that the two files were read through
 *     change    session keyring, groups, gid, uid; left out where all three are there already
 *     caps      exactly what the target is to have, always set by name
 *     cwd       within the root
 *     no_new_privs
 *     prove     read back, compare, try to go back
 *     exec      every other descriptor closed
 *
 * After the first effect there is no way back: the caller of sg_launch_go ends the process.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "sgexec.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The number is the same on all architectures. Linux 5.9; the flag 5.11. */
enum { NR_CLOSE_RANGE = 436, CLOSE_RANGE_CLOEXEC_ = 4, PROC_SUPER_MAGIC_ = 0x9fa0 };

static const char default_path[] =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static const char *env_get(char *const *envp, const char *name)
{
    size_t n = strlen(name);

    for (; *envp; envp++)
        if (strncmp(*envp, name, n) == 0 && (*envp)[n] == '=')
            return *envp + n + 1;
    return NULL;
}

/* ---- descriptors ---- */

static int env_number(char *const *envp, const char *name, uint32_t max, uint32_t *number)
{
    const char *value = env_get(envp, name);
    struct sg_ref ref;

    if (!value || sg_ref_parse(sg_text(value), max, &ref) < 0 || !ref.is_id)
        return 0;
    *number = ref.id;
    return 1;
}

/* sd_listen_fds(3): the descriptors are meant for the process that LISTEN_PID names, and exec keeps the pid. */
static uint32_t listen_last(char *const *envp)
{
    uint32_t pid, n;

    if (!env_number(envp, "LISTEN_PID", INT32_MAX, &pid) || pid != (uint32_t)getpid()
        || !env_number(envp, "LISTEN_FDS", 1u << 20, &n))
        return 2;
    return 2 + n;
}

static int close_range_on_exec(uint32_t first, uint32_t last)
{
    return (int)syscall(NR_CLOSE_RANGE, first, last, CLOSE_RANGE_CLOEXEC_);
}

/* Tried on a descriptor of no importance, and looked at: a filter may answer 0 and do nothing. */
static int close_range_works(void)
{
    int fd = sg_fd_above_2(eventfd(0, 0));
    if (fd < 0)
        return 0;
    int works = fcntl(fd, F_SETFD, 0) == 0 && close_range_on_exec((uint32_t)fd, (uint32_t)fd) == 0
                && fcntl(fd, F_GETFD) == FD_CLOEXEC;
    close(fd);
    return works;
}

/* struct linux_dirent64 of getdents64(2): d_reclen is at 16, d_name at 19. */
static void mark_entries(const char *entries, size_t len, uint32_t first)
{
    for (size_t at = 0; at < len;) {
        uint16_t reclen;
        struct sg_ref ref;
        memcpy(&reclen, entries + at + 16, sizeof reclen);
        if (sg_ref_parse(sg_text(entries + at + 19), SG_ID_MAX, &ref) == 0 && ref.is_id && ref.id >= first)
            fcntl((int)ref.id, F_SETFD, FD_CLOEXEC);
        at += reclen;
    }
}

/* For kernels without close_range. While /proc can still be reached, so before any other step. */
static int mark_by_proc(const struct sg_plan *plan, uint32_t first, struct sg_error *err)
{
    int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct statfs fs;
    long n;

    if (fd < 0)
        return sg_fail(err, SG_STEP_DESCRIPTORS, errno, 0);
    if (fstatfs(fd, &fs) < 0 || (unsigned long)fs.f_type != PROC_SUPER_MAGIC_) {
        close(fd); /* something else lies there: it lists nothing of ours */
        return sg_fail(err, SG_STEP_DESCRIPTORS, ENOSYS, 0);
    }
    while ((n = syscall(SYS_getdents64, fd, plan->ws->block, sizeof plan->ws->block)) > 0)
        mark_entries(plan->ws->block, (size_t)n, first);
    int code = errno;
    close(fd);
    return n < 0 ? sg_fail(err, SG_STEP_DESCRIPTORS, code, 0) : 0;
}

static int descriptors_check(const struct sg_plan *plan, struct sg_launch *launch, struct sg_error *err)
{
    launch->keep_until = listen_last(plan->envp);
    launch->marked = 0;
    if (close_range_works())
        return 0;
    launch->marked = 1;
    return mark_by_proc(plan, launch->keep_until + 1, err);
}

static int descriptors_close(const struct sg_launch *launch, struct sg_error *err)
{
    if (!launch->marked && close_range_on_exec(launch->keep_until + 1, ~0u) < 0)
        return sg_fail(err, SG_STEP_DESCRIPTORS, errno, 0);
    return 0;
}

/* ---- before any effect ---- */

static int chroot_check(struct sg_error *err)
{
    struct sg_caps caps;
    int rc = sg_caps_read(&caps, err);

    if (rc == 0 && !(caps.effective >> SG_CAP_SYS_CHROOT & 1))
        return sg_fail(err, SG_STEP_CHROOT, EPERM, SG_CAP_SYS_CHROOT);
    return rc;
}

static int target_check(const struct sg_target *target, struct sg_error *err)
{
    uint32_t has_gid = 0;

    if (target->uid > SG_ID_MAX)
        return sg_fail(err, SG_STEP_SETRESUID, EINVAL, target->uid);
    if (target->gid > SG_ID_MAX)
        return sg_fail(err, SG_STEP_SETRESGID, EINVAL, target->gid);
    if (target->groups_len == 0 || target->groups_len > SG_GROUPS_MAX)
        return sg_fail(err, SG_STEP_SETGROUPS, EINVAL, target->groups_len);
    for (uint32_t i = 0; i < target->groups_len; i++) {
        if (target->groups[i] > SG_ID_MAX || (i && target->groups[i - 1] >= target->groups[i]))
            return sg_fail(err, SG_STEP_SETGROUPS, EINVAL, i);
        has_gid |= target->groups[i] == target->gid;
    }
    return has_gid ? 0 : sg_fail(err, SG_STEP_SETGROUPS, EINVAL, target->gid);
}

/* A directory outside of the root is "(unreachable)..." or nothing; CVE-2024-21626 came through one. H25 */
static int cwd_check(const struct sg_plan *plan, struct sg_error *err)
{
    char *block = plan->ws->block;
    long n = syscall(SYS_getcwd, block, sizeof plan->ws->block);

    if (n < 0)
        return sg_fail(err, SG_STEP_CWD, errno, 0);
    return block[0] == '/' ? 0 : sg_fail(err, SG_STEP_CWD, ENOENT, 0);
}

int sg_launch_check(const struct sg_plan *plan, struct sg_launch *launch, struct sg_error *err)
{
    int rc = target_check(&plan->target, err);

    launch->before.groups = plan->ws->held;
    if (rc < 0 || (rc = sg_creds_read(&launch->before, err)) < 0
        || (rc = sg_creds_refuse_privileged_start(&launch->before, plan->in_python, err)) < 0)
        return rc;
    launch->there = (uint32_t)sg_creds_are(&launch->before, &plan->target);
    if (!launch->there && (rc = sg_creds_can_change(&launch->before, &plan->target, err)) < 0)
        return rc;
    if ((rc = plan->has_root ? chroot_check(err) : cwd_check(plan, err)) < 0)
        return rc;
    return descriptors_check(plan, launch, err);
}

/* ---- effects ---- */

/* Threads share their root and working directory. Another thread of a Python process, still uid 0, would go on inside
 * the stranger's root and run what lies there: so ours are first made our own. */
static int root_change(const struct sg_plan *plan, struct sg_error *err)
{
    struct stat wanted, now;

    if (plan->in_python && unshare(CLONE_FS) < 0)
        return sg_fail(err, SG_STEP_CHROOT, errno, 0);
    if (fchdir(plan->root.fd) < 0 || chroot(".") < 0 || chdir("/") < 0
        || fstat(plan->root.fd, &wanted) < 0 || stat("/", &now) < 0)
        return sg_fail(err, SG_STEP_CHROOT, errno, 0);
    if (wanted.st_dev != now.st_dev || wanted.st_ino != now.st_ino)
        return sg_fail(err, SG_STEP_PROVE, EBADE, SG_PROOF_ROOT);
    return 0;
}

/* Python ignores these two; a command started by it must not. */
static void signals_of_python_reset(void)
{
    static const int ignored[] = { SIGPIPE, SIGXFSZ };
    struct sigaction action = { 0 };

    action.sa_handler = SIG_DFL;
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        sigaction(ignored[i], &action, NULL);
}

/* Returns what execve left in errno; 0 in *interpreter_missing unless the file itself is there. */
static int exec_path(const struct sg_plan *plan, const char *path, uint64_t *interpreter_missing)
{
    execve(path, plan->argv, plan->envp);
    int code = errno;
    if (code == ENOENT && faccessat(AT_FDCWD, path, F_OK, 0) == 0)
        *interpreter_missing = 1;
    return code;
}

/* An empty element of PATH is passed over: it never means the working directory (H30). A file that may not be executed,
 * or whose interpreter is missing, is remembered while the search goes on; a directory of somebody else's PATH that the
 * target may not search holds nothing that was found. */
static int exec_search(const struct sg_plan *plan, const char *path, uint64_t *interpreter_missing)
{
    const char *name = plan->argv[0];
    char *file = plan->ws->block;
    size_t name_len = strlen(name);
    int remembered = ENOENT;

    for (; *path; path += *path == ':') {
        size_t n = strcspn(path, ":");
        const char *directory = path;
        path += n;
        if (n == 0 || n + 1 + name_len + 1 > sizeof plan->ws->block)
            continue;
        memcpy(file, directory, n);
        file[n] = '/';
        memcpy(file + n + 1, name, name_len + 1);
        int code = exec_path(plan, file, interpreter_missing);
        if (code == EACCES && faccessat(AT_FDCWD, file, F_OK, 0) == 0)
            remembered = code;
        else if (code != EACCES && code != ENOENT && code != ENOTDIR && code != ENAMETOOLONG)
            return code;
    }
    return remembered;
}

static int exec_command(const struct sg_plan *plan, struct sg_error *err)
{
    const char *name = plan->argv[0], *path = env_get(plan->envp, "PATH");
    uint64_t interpreter_missing = 0;
    int code;

    if (*name == '\0')
        code = ENOENT;
    else if (strchr(name, '/'))
        code = exec_path(plan, name, &interpreter_missing);
    else
        code = exec_search(plan, path ? path : default_path, &interpreter_missing);
    return sg_fail(err, SG_STEP_EXEC, code, interpreter_missing);
}

int sg_launch_go(const struct sg_plan *plan, const struct sg_launch *launch, struct sg_error *err)
{
    const struct sg_target *target = &plan->target;
    struct sg_caps caps;
    int rc;

    if (plan->has_root && (rc = root_change(plan, err)) < 0)
        return rc;
    if (!launch->there && (rc = sg_creds_change(target, err)) < 0)
        return rc;
    if ((rc = sg_caps_change(target, &caps, err)) < 0 || (rc = cwd_check(plan, err)) < 0)
        return rc;
    if (plan->no_new_privs && (rc = sg_no_new_privs_set(err)) < 0)
        return rc;
    if (plan->in_python)
        signals_of_python_reset();
    if ((rc = sg_creds_prove(target, &launch->before, &caps, !launch->there, plan->no_new_privs,
                             plan->ws->held, err)) < 0
        || (rc = descriptors_close(launch, err)) < 0)
        return rc;
    return exec_command(plan, err);
}

int sg_exit_code(const struct sg_error *err)
{
    if (err->step != SG_STEP_EXEC)
        return 125;
    return err->code == ENOENT || err->code == ENOTDIR ? 127 : 126;
}

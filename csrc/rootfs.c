/* rootfs.c - opens and reads etc/passwd and etc/group inside a directory that a stranger filled.
 *
 * The paths are fixed, so all that the stranger decides is what lies there: a link out of the rootfs, a FIFO, a
 * device, a file without end, one that changes while it is read (H13 to H17).
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "sgexec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <linux/openat2.h> is not there with every libc. The number is the same on all architectures we build for. */
struct open_how {
    uint64_t flags, mode, resolve;
};
_Static_assert(sizeof(struct open_how) == 24, "OPEN_HOW_SIZE_VER0");
enum { NR_OPENAT2 = 437, RESOLVE_NO_MAGICLINKS = 0x02, RESOLVE_IN_ROOT = 0x10 };

/* EAGAIN: something was renamed anywhere on the machine while the path had "..". */
enum { OPEN_TRIES = 128 };

static const char *const paths[] = { "etc/passwd", "etc/group" };

static enum sg_step step_of(enum sg_database database, enum sg_step passwd_step)
{
    return database == SG_PASSWD ? passwd_step
                                 : (enum sg_step)(passwd_step + (SG_STEP_GROUP_OPEN - SG_STEP_PASSWD_OPEN));
}

int sg_fd_above_2(int fd)
{
    if (fd < 0 || fd > 2)
        return fd;
    int above = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    int saved = errno;
    close(fd);
    errno = saved;
    return above;
}

int sg_rootfs_open(const char *path, struct sg_rootfs *rootfs, struct sg_error *err)
{
    int fd = sg_fd_above_2(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0)
        return sg_fail(err, SG_STEP_ROOTFS, errno, 0);
    rootfs->fd = fd;
    rootfs->own = path[strspn(path, "/")] == '\0';
    return 0;
}

void sg_rootfs_close(struct sg_rootfs *rootfs)
{
    close(rootfs->fd);
    rootfs->fd = -1;
}

static int open_inside(const struct sg_rootfs *rootfs, const char *path, int flags)
{
    struct open_how how = {
        .flags = (uint64_t)flags,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    long fd = -1;

    if (rootfs->own)
        return sg_fd_above_2(openat(rootfs->fd, path, flags));
    for (int i = 0; i < OPEN_TRIES; i++) {
        fd = syscall(NR_OPENAT2, rootfs->fd, path, &how, sizeof how);
        if (fd >= 0 || errno != EAGAIN)
            break;
    }
    return sg_fd_above_2((int)fd);
}

/* 0 for ENOENT and ENOTDIR: there is no such database. Anything else is not "no groups". */
static int open_failed(const struct sg_rootfs *rootfs, enum sg_step step, struct sg_error *err)
{
    int code = errno;

    if (code == ENOENT || code == ENOTDIR)
        return 0;
    if (!rootfs->own && (code == ENOSYS || code == EPERM)) {
        /* Is it this file, or the system call? Nobody forbids looking at the directory itself. */
        int probe = open_inside(rootfs, ".", O_PATH | O_CLOEXEC);
        if (probe < 0)
            return sg_fail(err, SG_STEP_OPENAT2, code, 0);
        close(probe);
    }
    return sg_fail(err, step, code, 0);
}

static int regular(int fd, enum sg_database database, struct stat *st, struct sg_error *err)
{
    if (fstat(fd, st) < 0)
        return sg_fail(err, step_of(database, SG_STEP_PASSWD_OPEN), errno, 0);
    if (!S_ISREG(st->st_mode))
        return sg_fail(err, step_of(database, SG_STEP_PASSWD_TYPE), EINVAL, st->st_mode);
    return 0;
}

static void remember(struct sg_file *file, const struct stat *st)
{
    file->size = (uint64_t)st->st_size;
    file->changed[0] = st->st_mtim.tv_sec;
    file->changed[1] = st->st_mtim.tv_nsec;
    file->changed[2] = st->st_ctim.tv_sec;
    file->changed[3] = st->st_ctim.tv_nsec;
}

/* The type first, through a descriptor that opens nothing: opening a device can act before fstat sees it. */
static int type_first(const struct sg_rootfs *rootfs, enum sg_database database, struct stat *st,
                      struct sg_error *err)
{
    int fd = open_inside(rootfs, paths[database], O_PATH | O_CLOEXEC);
    if (fd < 0)
        return open_failed(rootfs, step_of(database, SG_STEP_PASSWD_OPEN), err);
    int rc = regular(fd, database, st, err);
    close(fd);
    return rc < 0 ? rc : 1;
}

int sg_file_open(const struct sg_rootfs *rootfs, enum sg_database database, uint64_t limit,
                 struct sg_file *file, struct sg_error *err)
{
    struct stat seen, st;
    int rc;

    if (!rootfs->own && (rc = type_first(rootfs, database, &seen, err)) <= 0)
        return rc;
    int fd = open_inside(rootfs, paths[database], O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return open_failed(rootfs, step_of(database, SG_STEP_PASSWD_OPEN), err);
    rc = regular(fd, database, &st, err);
    if (rc == 0 && (uint64_t)st.st_size > limit)
        rc = sg_fail(err, step_of(database, SG_STEP_PASSWD_READ), EFBIG, limit);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    file->fd = fd;
    file->database = database;
    file->got = 0;
    remember(file, &st);
    return 1;
}

int sg_file_read(struct sg_file *file, char *block, size_t cap, struct sg_error *err)
{
    enum sg_step step = step_of(file->database, SG_STEP_PASSWD_READ);
    ssize_t n;

    do
        n = read(file->fd, block, cap);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return sg_fail(err, step, errno, 0);
    file->got += (uint64_t)n;
    /* More than there was, also of a file without end; or an end before it. */
    if (file->got > file->size || (n == 0 && file->got < file->size))
        return sg_fail(err, step, ESTALE, 0);
    return (int)n;
}

int sg_file_rewind(struct sg_file *file, struct sg_error *err)
{
    if (lseek(file->fd, 0, SEEK_SET) < 0)
        return sg_fail(err, step_of(file->database, SG_STEP_PASSWD_READ), errno, 0);
    file->got = 0;
    return 0;
}

int sg_file_unchanged(const struct sg_file *file, struct sg_error *err)
{
    enum sg_step step = step_of(file->database, SG_STEP_PASSWD_READ);
    struct sg_file now = *file;
    struct stat st;

    if (fstat(file->fd, &st) < 0)
        return sg_fail(err, step, errno, 0);
    remember(&now, &st);
    if (now.size != file->size || memcmp(now.changed, file->changed, sizeof now.changed) != 0)
        return sg_fail(err, step, ESTALE, 0);
    return 0;
}

void sg_file_close(struct sg_file *file)
{
    close(file->fd);
    file->fd = -1;
}

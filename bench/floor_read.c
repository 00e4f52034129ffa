/* floor_read.c - the least that a resolver can do: open both files, ask for the size, read to the end, close.
 * It looks at no byte. Plain, it trusts the directory: no link out of it, no FIFO, no device. `inside` opens as one must in
 * a stranger's rootfs: openat2 that stays in it, the type looked at through O_PATH before anything is opened.
 */
#define _GNU_SOURCE
#include "resolve_loop.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_inside(int root, const char *path, int flags)
{
    struct { uint64_t flags, mode, resolve; } how = { (uint64_t)flags, 0, 0x10 | 0x02 };

    return (int)syscall(437, root, path, &how, sizeof how);
}

static int open_file(int root, int inside, const char *path)
{
    struct stat st;

    if (!inside)
        return openat(root, path, O_RDONLY | O_CLOEXEC);
    int fd = open_inside(root, path, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return -1;
    close(fd);
    return open_inside(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static long read_all(int root, int inside, const char *path, char *block, size_t cap)
{
    struct stat st;
    long n, sum = 0;
    int fd = open_file(root, inside, path);

    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    while ((n = read(fd, block, cap)) > 0)
        sum += n;
    close(fd);
    return n == 0 && sum == st.st_size ? sum : -1;
}

long floor_read(int root, int inside, char *block, size_t cap)
{
    long passwd = read_all(root, inside, "etc/passwd", block, cap);
    long group = read_all(root, inside, "etc/group", block, cap);

    return passwd < 0 || group < 0 ? -1 : passwd + group;
}

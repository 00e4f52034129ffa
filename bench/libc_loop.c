/* libc_loop.c - libc_loop N ROOTFS USER: getpwnam and getgrouplist, N times, within a chroot to ROOTFS: libc knows no
 * other way to the files of a rootfs. Prints as resolve_loop does.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static gid_t groups[65536];

static long long now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static int by_number(const void *a, const void *b)
{
    gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    const struct passwd *pw = NULL;
    int len = 0;

    if (argc != 4 || chroot(argv[2]) < 0 || chdir("/") < 0)
        return 1;
    long long begin = now();
    for (long i = -1, n = atol(argv[1]); i < n; i++) {
        if (i == 0) /* the first one loaded what is loaded once */
            begin = now();
        len = 65536;
        if (!(pw = getpwnam(argv[3])) || getgrouplist(argv[3], pw->pw_gid, groups, &len) < 0)
            return 2;
    }
    printf("%lld ", now() - begin);
    qsort(groups, (size_t)len, sizeof groups[0], by_number);
    printf("%u %u ", pw->pw_uid, pw->pw_gid);
    for (int i = 0; i < len; i++)
        printf("%s%u", i ? "," : "", groups[i]);
    puts("");
    return 0;
}

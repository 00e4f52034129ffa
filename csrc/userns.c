/* userns.c - whether the ids that the kernel reports are what they seem.
 *
 * In a user namespace the overflow id stands for every id that is not mapped: a group shown as 65534 can be any group
 * of the host, and opens its files (H22). Reads /proc, before any effect.
 */
#include "sgexec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { OVERFLOW_ID = 65534 };

/* The first bytes of a small file of /proc, as a string. */
static int proc_read(const char *path, char *text, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, text, cap - 1);
    close(fd);
    if (n < 0)
        return -EIO;
    text[n] = '\0';
    return 0;
}

/* Whether a map is the initial namespace's: everything, unchanged. */
static int map_is_whole(const char *path)
{
    static const char *const whole[] = { "0", "0", "4294967295", "" };
    char map[128];
    const char *p = map;

    if (proc_read(path, map, sizeof map) < 0)
        return 0;
    for (int i = 0; i < 4; i++) {
        p += strspn(p, " \n");
        size_t n = strcspn(p, " \n");
        if (n != strlen(whole[i]) || memcmp(p, whole[i], n) != 0)
            return 0;
        p += n;
    }
    return 1;
}

static uint32_t overflow_id(const char *path)
{
    char text[16];
    struct sg_ref ref;

    if (proc_read(path, text, sizeof text) < 0)
        return OVERFLOW_ID;
    struct sg_text number = { text, strcspn(text, "\n") };
    return sg_ref_parse(number, SG_ID_MAX, &ref) == 0 && ref.is_id ? ref.id : OVERFLOW_ID;
}

int sg_userns_shows_all(const struct sg_creds *now)
{
    if (map_is_whole("/proc/self/uid_map") && map_is_whole("/proc/self/gid_map"))
        return 1;
    uint32_t uid = overflow_id("/proc/sys/kernel/overflowuid");
    uint32_t gid = overflow_id("/proc/sys/kernel/overflowgid");
    if (now->ruid == uid || now->rgid == gid)
        return 0;
    for (uint32_t i = 0; i < now->groups_len; i++)
        if (now->groups[i] == gid)
            return 0;
    return 1;
}

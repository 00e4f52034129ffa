/* resolve_loop.c - resolve_loop WAY N ROOTFS USER: does one thing N times, prints the nanoseconds that it took and
 * its answer: "NS UID GID GROUP,GROUP...", for `floor` "NS BYTES".
 *
 *     floor     the same opens of both files, fstat, read to the end, close (floor_read.c)
 *     plain     the same with plain opens, which trust the directory
 *     held      sg_resolve, Merge, through a rootfs that stays open
 *     path      the same, with the rootfs opened and closed each time
 *     explain   as held, with names, counts and what Strict would withhold
 *     strict    as held, Strict: etc/group is not read
 *     scan      both files are in memory: what userdb.c and scan.c cost without any system call
 */
#define _GNU_SOURCE
#include "resolve_loop.h"
#include "../csrc/sgexec.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct sg_workspace workspace;
static struct sg_identity identity;
static struct sg_error failure;
static char files[2][64 << 20];
static size_t files_len[2];

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int failed(const char *what)
{
    fprintf(stderr, "%s: code %d, step %u, at %llu\n", what, failure.code, failure.step,
            (unsigned long long)failure.at);
    return 1;
}

static void load(int root, const char *path, int i)
{
    int fd = openat(root, path, O_RDONLY);
    ssize_t n;

    while (fd >= 0 && (n = read(fd, files[i] + files_len[i], sizeof files[i] - files_len[i])) > 0)
        files_len[i] += (size_t)n;
    close(fd);
}

/* Every match in one file. */
static int scan_one(int i, uint32_t sought, struct sg_text user)
{
    static struct sg_userdb db;
    int rc, hits = 0;

    sg_userdb_begin(&db, sought, user, 0, 0);
    sg_userdb_block(&db, files[i], files_len[i]);
    while ((rc = sg_userdb_next(&db, &failure)) > 0) {
        hits++;
        if (sought == SG_PASSWD_BY_NAME)
            return hits;
    }
    return rc < 0 ? rc : hits;
}

int main(int argc, char **argv)
{
    struct sg_rootfs rootfs;

    if (argc != 5 || sg_rootfs_open(argv[3], &rootfs, &failure) < 0)
        return failed("resolve_loop WAY N ROOTFS USER");
    const char *way = argv[1];
    long n = atol(argv[2]), bytes = 0;
    struct sg_context context = {
        .policy = strcmp(way, "strict") == 0 ? SG_POLICY_STRICT : SG_POLICY_MERGE,
        .flavour = SG_FLAVOUR_OCI,
        .explain = strcmp(way, "explain") == 0,
        .file_limit = 1u << 30,
        .user = sg_text(argv[4]),
    };
    int is_inside = strcmp(way, "floor") == 0, is_floor = is_inside || strcmp(way, "plain") == 0, is_path = strcmp(way, "path") == 0,
        is_scan = strcmp(way, "scan") == 0;

    load(rootfs.fd, "etc/passwd", 0);
    load(rootfs.fd, "etc/group", 1);
    /* The first time touches the memory. */
    if (sg_resolve(&rootfs, &context, &workspace, &identity, &failure) < 0)
        return failed("sg_resolve");
    uint64_t begin = now();
    for (long i = 0; i < n; i++) {
        if (is_floor) {
            if ((bytes = floor_read(rootfs.fd, is_inside, workspace.block, sizeof workspace.block)) < 0)
                return failed("floor_read");
        } else if (is_scan) {
            if (scan_one(0, SG_PASSWD_BY_NAME, context.user) < 0
                || scan_one(1, SG_GROUP_BY_MEMBER, context.user) < 0)
                return failed("scan");
        } else {
            struct sg_rootfs mine = rootfs;
            if (is_path && sg_rootfs_open(argv[3], &mine, &failure) < 0)
                return failed("sg_rootfs_open");
            if (sg_resolve(&mine, &context, &workspace, &identity, &failure) < 0)
                return failed("sg_resolve");
            if (is_path)
                sg_rootfs_close(&mine);
        }
    }
    printf("%llu ", (unsigned long long)(now() - begin));
    if (is_floor) {
        printf("%ld\n", bytes);
        return 0;
    }
    printf("%u %u ", identity.uid, identity.gid);
    for (uint32_t i = 0; i < identity.groups_len; i++)
        printf("%s%u", i ? "," : "", workspace.groups[i]);
    puts("");
    return 0;
}

/* witness.c - who am I, as the kernel says: "UID GID GROUP,GROUP..." with the three uids and gids equal. */
#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>

static gid_t groups[65536];

int main(void)
{
    uid_t u[3];
    gid_t g[3];
    int n = getgroups(65536, groups);

    if (n < 0 || getresuid(&u[0], &u[1], &u[2]) < 0 || getresgid(&g[0], &g[1], &g[2]) < 0)
        return 1;
    if (u[0] != u[1] || u[1] != u[2] || g[0] != g[1] || g[1] != g[2])
        return 2;
    printf("%u %u ", u[0], g[0]);
    for (int i = 0; i < n; i++)
        printf("%s%u", i ? "," : "", groups[i]);
    puts("");
    return 0;
}

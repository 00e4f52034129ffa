/* floor_launch.c - the least that a launcher can do: floor_launch COMMAND [ARG...] as 1000:3000 with 3000, 4000.
 * It checks nothing, proves nothing, and reads nothing.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SYS_setgroups32
enum { SETGROUPS = SYS_setgroups32, SETRESGID = SYS_setresgid32, SETRESUID = SYS_setresuid32 };
#else
enum { SETGROUPS = SYS_setgroups, SETRESGID = SYS_setresgid, SETRESUID = SYS_setresuid };
#endif

int main(int argc, char **argv, char **envp)
{
    static const unsigned groups[] = { 3000, 4000 };

    if (argc < 2 || syscall(SETGROUPS, 2, groups) < 0 || syscall(SETRESGID, 3000, 3000, 3000) < 0
        || syscall(SETRESUID, 1000, 1000, 1000) < 0)
        return 125;
    execve(argv[1], argv + 1, envp);
    return 127;
}

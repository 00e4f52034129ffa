/* main.c - the static program: the verbs of command.c, and the way to those that are in Python. */
#define _GNU_SOURCE
#include "sgexec.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The only static data of the program. Pages that are not touched cost nothing. */
static struct sg_workspace workspace;
static char *environment[65536];

/* Everything that begins with PYTHON can load a stranger's code (H29: PYTHONPYCACHEPREFIX alone runs a stranger's
 * bytecode as root), so all of it goes. NULL: more variables than there is room for. */
static char **environment_for_python(char **envp)
{
    static char safe_path[] = "PYTHONSAFEPATH=1", no_user_site[] = "PYTHONNOUSERSITE=1";
    static char stamp[] = "SGEXEC_STAMP=" SG_STAMP;
    size_t n = 0;

    for (; *envp; envp++) {
        if (strncmp(*envp, "PYTHON", 6) == 0 || strncmp(*envp, "SGEXEC_STAMP=", 13) == 0)
            continue;
        if (n == sizeof environment / sizeof environment[0] - 4)
            return NULL;
        environment[n++] = *envp;
    }
    environment[n++] = safe_path;
    if (geteuid() == 0) /* usercustomize.py of whose HOME? */
        environment[n++] = no_user_site;
    environment[n++] = stamp;
    environment[n] = NULL;
    return environment;
}

/* sgexec-py is the console script of the same wheel. /proc/self/exe is the program itself, so a link to it from
 * anywhere finds the right one. Never `python -m`: it imports from the working directory. */
static int python_verb(char **argv, char **envp)
{
    static const char name[] = "sgexec-py";
    char *path = workspace.block;
    ssize_t n = readlink("/proc/self/exe", path, sizeof workspace.block - sizeof name);
    char **clean = environment_for_python(envp);
    int code = n < 0 ? errno : E2BIG;

    if (n > 0 && clean) {
        char *slash = memrchr(path, '/', (size_t)n);
        memcpy(slash ? slash + 1 : path, name, sizeof name);
        argv[0] = path;
        execve(path, argv, clean);
        code = errno;
    }
    struct sg_error err = { code, SG_STEP_VERB_PROGRAM, 0 };
    const struct sg_subject subject = { 0 };
    sg_complain(&err, &subject);
    return sg_exit_code(&err);
}

int main(int argc, char **argv, char **envp)
{
    int rc = sg_command(argc, argv, envp, &workspace, 0);

    return rc == SG_PYTHON_VERB ? python_verb(argv, envp) : rc;
}

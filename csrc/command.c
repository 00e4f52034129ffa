/* command.c - the verbs that both front ends have: launch, run, resolve, help, version. */
#define _GNU_SOURCE
#include "sgexec.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#ifndef SG_STAMP
#error "SG_STAMP comes from build.py"
#endif

const char *sg_stamp(void)
{
    return SG_STAMP;
}

char **sg_environment(void)
{
    return environ;
}

static void nothing(int signal)
{
    (void)signal;
}

/* A reader who has gone must not kill us before the exit code is ours. A handler, since exec resets it; where
 * SIGPIPE is ignored it stays ignored. */
static void survive_sigpipe(void)
{
    struct sigaction old, action = { 0 };

    action.sa_handler = nothing;
    if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
        sigaction(SIGPIPE, &action, NULL);
}

/* One line, one write. */
void sg_complain(const struct sg_error *err, const struct sg_subject *subject)
{
    char line[4096] = "sgexec: ";
    size_t n = strlen(line);

    n += sg_error_words(err, subject, line + n, sizeof line - n - 1);
    line[n++] = '\n';
    survive_sigpipe();
    struct sg_out out = { .fd = 2, .bytes = line, .cap = sizeof line, .len = n };
    sg_out_flush(&out);
}

/* After the first effect nobody can be told but by a line and the exit code. */
static void launch_or_die(const struct sg_plan *plan, const struct sg_launch *launch,
                          const struct sg_subject *subject)
{
    struct sg_error err;

    sg_launch_go(plan, launch, &err);
    sg_complain(&err, subject);
    _exit(sg_exit_code(&err));
}

int sg_execute(const struct sg_plan *plan, const struct sg_subject *subject, struct sg_error *err)
{
    struct sg_launch launch;
    struct sg_error e = { 0 };
    int rc = sg_launch_check(plan, &launch, &e);

    if (rc < 0)
        *err = e;
    else
        launch_or_die(plan, &launch, subject);
    return rc;
}

/* ---- the verbs ---- */

struct command {
    struct sg_options options;
    struct sg_identity identity;
    struct sg_rootfs rootfs;
    uint32_t rootfs_open;
    struct sg_workspace *ws;
    char *const *envp;
    uint32_t in_python;
    struct sg_error err;
};

static const char *policy_variable(char *const *envp)
{
    static const char name[] = "SGEXEC_POLICY=";

    for (; *envp; envp++)
        if (strncmp(*envp, name, sizeof name - 1) == 0)
            return *envp + sizeof name - 1;
    return NULL;
}

static int start_check(struct command *c)
{
    struct sg_creds now = { .groups = c->ws->held };
    int rc = sg_creds_read(&now, &c->err);

    return rc < 0 ? rc : sg_creds_refuse_privileged_start(&now, c->in_python, &c->err);
}

static int rootfs_open(struct command *c)
{
    int rc = sg_rootfs_open(c->options.rootfs, &c->rootfs, &c->err);

    c->rootfs_open = rc == 0;
    return rc;
}

static int identity_get(struct command *c)
{
    const struct sg_options *o = &c->options;
    int rc;

    if (o->exact.ptr)
        return sg_exact(o->exact, o->context.supplemental_groups, o->context.supplemental_groups_len, c->ws,
                        &c->identity, &c->err);
    if (!c->rootfs_open && (rc = rootfs_open(c)) < 0)
        return rc;
    return sg_resolve(&c->rootfs, &o->context, c->ws, &c->identity, &c->err);
}

static int print(struct command *c, int (*what)(struct sg_out *, const struct command *))
{
    struct sg_out out = { .fd = 1, .bytes = c->ws->block, .cap = sizeof c->ws->block };

    survive_sigpipe();
    int rc = what(&out, c);
    if (rc == 0)
        rc = sg_out_flush(&out);
    return rc < 0 ? sg_fail(&c->err, SG_STEP_WRITE, -rc, 0) : 0;
}

static int what_identity(struct sg_out *out, const struct command *c)
{
    sg_report(out, &c->options, &c->identity, c->ws);
    return 0;
}

static int what_help(struct sg_out *out, const struct command *c)
{
    (void)c;
    sg_out_text(out, sg_usage);
    return 0;
}

static int what_version(struct sg_out *out, const struct command *c)
{
    sg_out_text(out, "sgexec " SG_VERSION);
    sg_out_text(out, c->in_python ? " (Python wrapper, " : " (static program, ");
    sg_out_text(out, SG_STAMP ")\n");
    return 0;
}

static int launch(struct command *c, const struct sg_subject *subject)
{
    const struct sg_options *o = &c->options;
    int rc = o->chroot ? rootfs_open(c) : 0;

    if (rc < 0 || (rc = identity_get(c)) < 0)
        return rc;
    const struct sg_plan plan = {
        .target = { c->identity.uid, c->identity.gid, c->ws->groups, c->identity.groups_len },
        .no_new_privs = o->no_new_privs, .has_root = o->chroot, .root = c->rootfs,
        .argv = o->command, .envp = c->envp, .ws = c->ws, .in_python = c->in_python,
    };
    return sg_execute(&plan, subject, &c->err);
}

static int perform(struct command *c, const struct sg_subject *subject)
{
    int rc = start_check(c);

    if (rc < 0)
        return rc;
    switch (c->options.verb) {
    case SG_VERB_LAUNCH:  return launch(c, subject);
    case SG_VERB_RESOLVE: return (rc = identity_get(c)) < 0 ? rc : print(c, what_identity);
    case SG_VERB_HELP:    return print(c, what_help);
    case SG_VERB_VERSION: return print(c, what_version);
    case SG_VERB_PYTHON:  return SG_PYTHON_VERB;
    }
    return 0;
}

int sg_command(int argc, char **argv, char **envp, struct sg_workspace *ws, uint32_t in_python)
{
    struct command c = { .ws = ws, .envp = envp, .in_python = in_python };
    int rc = sg_options_parse(argc, argv, policy_variable(envp), ws->texts, &c.options, &c.err);
    const struct sg_subject subject = {
        .context = &c.options.context, .rootfs = c.options.rootfs, .argv = argv, .argc = argc,
        .command = c.options.command ? c.options.command[0] : NULL,
        .exact = c.options.exact, .policy = c.options.policy,
    };

    if (rc == 0)
        rc = perform(&c, &subject);
    if (c.rootfs_open)
        sg_rootfs_close(&c.rootfs);
    if (rc >= 0)
        return rc;
    sg_complain(&c.err, &subject);
    return sg_exit_code(&c.err);
}

/* options.c - argv into a struct: the one grammar, for both front ends. Pure.
 *
 * GNU style, parsing stops at the first non-option or `--`. Long names are not abbreviated: a new option could change
 * what an existing command line means. For the same reason an option that is given twice is an error.
 */
#include "sgexec.h"

#include <errno.h>
#include <string.h>

enum key {
    USER, RUN_AS_USER, RUN_AS_USER_NAME, RUN_AS_GROUP, RUN_AS_NON_ROOT, SUPPLEMENTAL_GROUPS, FS_GROUP,
    EXACT, POLICY, NO_NEW_PRIVS, ESCALATION, FILE_LIMIT, FLAVOUR, ROOTFS, CHROOT, FORMAT, HELP, VERSION,
    KEYS
};

enum { TAKES_VALUE = 1, REPEATABLE = 2, RESOLVE_ONLY = 4, NOT_WITH_EXACT = 8 };

static const struct option {
    const char *name;
    char letter;
    uint8_t is;
} options[KEYS] = {
    [USER] =                { "user", 'u', TAKES_VALUE | NOT_WITH_EXACT },
    [RUN_AS_USER] =         { "run-as-user", 0, TAKES_VALUE | NOT_WITH_EXACT },
    [RUN_AS_USER_NAME] =    { "run-as-user-name", 0, TAKES_VALUE | NOT_WITH_EXACT },
    [RUN_AS_GROUP] =        { "run-as-group", 'g', TAKES_VALUE | NOT_WITH_EXACT },
    [RUN_AS_NON_ROOT] =     { "run-as-non-root", 0, NOT_WITH_EXACT },
    [SUPPLEMENTAL_GROUPS] = { "supplemental-groups", 'G', TAKES_VALUE | REPEATABLE },
    [FS_GROUP] =            { "fs-group", 0, TAKES_VALUE | NOT_WITH_EXACT },
    [EXACT] =               { "exact", 0, TAKES_VALUE },
    [POLICY] =              { "policy", 'p', TAKES_VALUE | NOT_WITH_EXACT },
    [NO_NEW_PRIVS] =        { "no-new-privs", 0, 0 },
    [ESCALATION] =          { "allow-privilege-escalation", 0, TAKES_VALUE },
    [FILE_LIMIT] =          { "file-limit", 0, TAKES_VALUE | NOT_WITH_EXACT },
    [FLAVOUR] =             { "flavour", 0, TAKES_VALUE | RESOLVE_ONLY | NOT_WITH_EXACT },
    [ROOTFS] =              { "rootfs", 0, TAKES_VALUE },
    [CHROOT] =              { "chroot", 0, 0 },
    [FORMAT] =              { "format", 0, TAKES_VALUE | RESOLVE_ONLY },
    [HELP] =                { "help", 'h', 0 },
    [VERSION] =             { "version", 'V', 0 },
};

const char sg_usage[] =
    "usage: sgexec OPTIONS [--] COMMAND [ARG...]           run COMMAND with exactly the resolved identity\n"
    "       sgexec run [OPTIONS] [--] COMMAND [ARG...]     the same\n"
    "       sgexec resolve [OPTIONS]                       print the identity and why; change nothing\n"
    "       sgexec observe PID... [--against FILE]         the identity that processes really have\n"
    "       sgexec help | version\n"
    "\n"
    "who:\n"
    "  -u, --user USER[:GROUP]             ids or names, as an image's USER\n"
    "      --run-as-user UID               wins over --user\n"
    "      --run-as-user-name NAME         wins over both\n"
    "  -g, --run-as-group GID              the primary group\n"
    "      --run-as-non-root               refuse uid 0\n"
    "  -G, --supplemental-groups GID[,GID...]  repeatable\n"
    "      --fs-group GID                  one more group, as a pod's fsGroup\n"
    "      --exact UID:GID[:GID,...]       these ids; no file is read\n"
    "                                      a group may also be a name of the rootfs (not with --exact)\n"
    "which groups:\n"
    "  -p, --policy Merge|Strict           Merge adds the groups that the rootfs's etc/group gives to the user,\n"
    "                                      Strict does not; else SGEXEC_POLICY, else Merge\n"
    "      --rootfs DIR                    whose etc/passwd and etc/group are read; default /\n"
    "      --file-limit BYTES              larger files are an error; default 1073741824\n"
    "how the command runs:\n"
    "      --no-new-privs                  set-id programs give nothing (--allow-privilege-escalation=false)\n"
    "      --chroot                        DIR of --rootfs is also the command's root\n"
    "resolve only:\n"
    "      --format text|json|id|status\n"
    "      --flavour oci|containerd|crio|docker|podman  predict what that runtime would give\n"
    "\n"
    "exit: 125 sgexec failed and nothing was run, 126 not executable, 127 not found, else the command's own\n";

/* Where the parse stands. */
struct parse {
    int argc;
    char **argv;
    int at;                         /* of the argument being read */
    const char *values[KEYS];
    int value_at[KEYS], given_at[KEYS];   /* indices into argv; 0: not given */
    struct sg_text *texts;
    size_t texts_len;
    struct sg_error *err;
};

static int refuse(const struct parse *p, enum sg_step step, int code, int at)
{
    return sg_fail(p->err, step, code, (uint64_t)at);
}

/* The option that argv[p->at] is, and its value where it is in the same argument. */
static int option_find(const struct parse *p, const char **inline_value)
{
    const char *arg = p->argv[p->at];

    *inline_value = NULL;
    for (int key = 0; key < KEYS; key++) {
        const struct option *o = &options[key];
        if (arg[1] == '-') {
            size_t n = strcspn(arg + 2, "=");
            if (n != strlen(o->name) || memcmp(arg + 2, o->name, n) != 0)
                continue;
            if (arg[2 + n] == '=')
                *inline_value = arg + 3 + n;
            return key;
        }
        if (o->letter && arg[1] == o->letter) {
            if (arg[2])
                *inline_value = arg + 2;
            return key;
        }
    }
    return refuse(p, SG_STEP_OPTION, EINVAL, p->at);
}

static int option_take(struct parse *p)
{
    const char *value;
    int key = option_find(p, &value);

    if (key < 0)
        return key;
    const struct option *o = &options[key];
    if (p->given_at[key] && !(o->is & REPEATABLE))
        return refuse(p, SG_STEP_OPTION, EEXIST, p->at);
    p->given_at[key] = p->at;
    if (!(o->is & TAKES_VALUE) && value)
        return refuse(p, SG_STEP_OPTION, E2BIG, p->at);
    if ((o->is & TAKES_VALUE) && !value) {
        if (p->at + 1 == p->argc)
            return refuse(p, SG_STEP_OPTION, ENODATA, p->at);
        value = p->argv[++p->at];
    }
    p->values[key] = value;
    p->value_at[key] = p->at++;
    if (key == SUPPLEMENTAL_GROUPS) {
        if (p->texts_len == SG_TEXTS_MAX)
            return refuse(p, SG_STEP_GROUPS, EOVERFLOW, SG_TEXTS_MAX);
        p->texts[p->texts_len++] = sg_text(value);
    }
    return 0;
}

static int options_take(struct parse *p)
{
    int rc = 0;

    while (rc == 0 && p->at < p->argc && p->argv[p->at][0] == '-' && p->argv[p->at][1] != '\0') {
        if (strcmp(p->argv[p->at], "--") == 0) {
            p->at++;
            return 0;
        }
        rc = option_take(p);
    }
    return rc;
}

static const struct {
    const char *name;
    enum sg_verb verb;
} verbs[] = {
    { "run", SG_VERB_LAUNCH },   { "resolve", SG_VERB_RESOLVE }, { "help", SG_VERB_HELP },
    { "version", SG_VERB_VERSION }, { "observe", SG_VERB_PYTHON },
};

static int verb_take(struct parse *p, enum sg_verb *verb)
{
    *verb = SG_VERB_LAUNCH;
    if (p->argc < 2)
        return refuse(p, SG_STEP_VERB, ENODATA, 0);
    if (p->argv[1][0] == '-')
        return 0;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(p->argv[1], verbs[i].name) == 0) {
            *verb = verbs[i].verb;
            p->at++;
            return 0;
        }
    return refuse(p, SG_STEP_VERB, EINVAL, 1);
}

/* 0 where `word` is none of the names, which end with NULL; else its place from 1: the enum that goes with it. */
static uint32_t choice(const char *word, const char *const *names)
{
    for (uint32_t i = 0; names[i]; i++)
        if (strcmp(word, names[i]) == 0)
            return i + 1;
    return 0;
}

static int policy_take(struct parse *p, const char *variable, struct sg_options *o)
{
    static const char *const names[] = { "Merge", "Strict", NULL };
    const char *given = p->values[POLICY] ? p->values[POLICY] : variable;

    o->policy = sg_text(given);
    o->context.policy = given ? choice(given, names) : SG_POLICY_MERGE;
    if (o->context.policy)
        return 0;
    return refuse(p, p->values[POLICY] ? SG_STEP_POLICY : SG_STEP_POLICY_VARIABLE, EINVAL, 0);
}

static int file_limit_take(struct parse *p, uint64_t *limit)
{
    const char *digits = p->values[FILE_LIMIT];

    *limit = 1u << 30;
    if (!digits)
        return 0;
    *limit = 0;
    for (const char *d = digits; *d; d++) {
        if (*d < '0' || *d > '9' || *limit > UINT64_MAX / 100)
            return refuse(p, SG_STEP_FILE_LIMIT, EINVAL, p->value_at[FILE_LIMIT]);
        *limit = *limit * 10 + (uint64_t)(*d - '0');
    }
    return *digits ? 0 : refuse(p, SG_STEP_FILE_LIMIT, EINVAL, p->value_at[FILE_LIMIT]);
}

static int choices_take(struct parse *p, const char *policy_variable, struct sg_options *o)
{
    static const char *const flavours[] = { "oci", "containerd", "crio", "docker", "podman", NULL };
    static const char *const formats[] = { "text", "json", "id", "status", NULL };
    int rc = policy_take(p, p->values[EXACT] ? NULL : policy_variable, o);

    if (rc == 0)
        rc = file_limit_take(p, &o->context.file_limit);
    if (rc < 0)
        return rc;
    o->context.flavour = p->values[FLAVOUR] ? choice(p->values[FLAVOUR], flavours) : SG_FLAVOUR_OCI;
    if (!o->context.flavour)
        return refuse(p, SG_STEP_FLAVOUR, EINVAL, p->value_at[FLAVOUR]);
    o->format = p->values[FORMAT] ? (enum sg_format)choice(p->values[FORMAT], formats) : SG_FORMAT_TEXT;
    if (!o->format)
        return refuse(p, SG_STEP_FORMAT, EINVAL, p->value_at[FORMAT]);
    if (p->values[ESCALATION] && strcmp(p->values[ESCALATION], "false") != 0)
        return refuse(p, SG_STEP_NO_NEW_PRIVS, EINVAL, p->value_at[ESCALATION]);
    return 0;
}

static int combination_check(struct parse *p, enum sg_verb verb)
{
    const int *given = p->given_at;

    for (int key = 0; key < KEYS; key++) {
        if (given[key] && verb != SG_VERB_RESOLVE && (options[key].is & RESOLVE_ONLY))
            return refuse(p, SG_STEP_OPTION, ENOTSUP, given[key]);
        if (given[key] && given[EXACT]
            && ((options[key].is & NOT_WITH_EXACT) || (key == ROOTFS && !given[CHROOT])))
            return refuse(p, SG_STEP_OPTION, EBUSY, given[key]);
    }
    if (verb == SG_VERB_RESOLVE)
        return p->at < p->argc ? refuse(p, SG_STEP_COMMAND, E2BIG, p->at) : 0;
    if (!given[USER] && !given[RUN_AS_USER] && !given[RUN_AS_USER_NAME] && !given[EXACT])
        return refuse(p, SG_STEP_NOBODY, EINVAL, 0);
    return p->at == p->argc ? refuse(p, SG_STEP_COMMAND, ENODATA, 0) : 0;
}

static void context_fill(const struct parse *p, struct sg_options *o)
{
    struct sg_context *c = &o->context;

    c->user = sg_text(p->values[USER]);
    c->run_as_user = sg_text(p->values[RUN_AS_USER]);
    c->run_as_user_name = sg_text(p->values[RUN_AS_USER_NAME]);
    c->run_as_group = sg_text(p->values[RUN_AS_GROUP]);
    c->fs_group = sg_text(p->values[FS_GROUP]);
    c->supplemental_groups = p->texts;
    c->supplemental_groups_len = p->texts_len;
    c->run_as_non_root = p->given_at[RUN_AS_NON_ROOT] != 0;
    c->explain = o->verb == SG_VERB_RESOLVE;
    o->exact = sg_text(p->values[EXACT]);
    o->rootfs = p->values[ROOTFS] ? p->values[ROOTFS] : "/";
    o->chroot = p->given_at[CHROOT] != 0;
    o->no_new_privs = p->given_at[NO_NEW_PRIVS] || p->given_at[ESCALATION];
    o->command = p->argv + p->at;
}

int sg_options_parse(int argc, char **argv, const char *policy_variable, struct sg_text *texts,
                     struct sg_options *options_out, struct sg_error *err)
{
    struct parse p = { .argc = argc, .argv = argv, .at = 1, .texts = texts, .err = err };
    struct sg_options o = { .rootfs = "/" };
    int rc = verb_take(&p, &o.verb);

    if (rc == 0 && (o.verb == SG_VERB_LAUNCH || o.verb == SG_VERB_RESOLVE)) {
        rc = options_take(&p);
        if (rc == 0 && (p.given_at[HELP] || p.given_at[VERSION])) {
            o.verb = p.given_at[HELP] ? SG_VERB_HELP : SG_VERB_VERSION;
        } else if (rc == 0) {
            rc = choices_take(&p, policy_variable, &o);
            context_fill(&p, &o); /* before the checks: a refusal quotes it */
            if (rc == 0)
                rc = combination_check(&p, o.verb);
        }
    }
    *options_out = o;
    return rc;
}

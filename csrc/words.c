/* words.c - the sentence for every error: what, where, and what to do about it.
 *
 * What is quoted comes from strangers and goes through the escape: no terminal codes, no line break that forges a log.
 * Errors are said in our own words, not strerror's, because the two front ends are linked with different libcs.
 */
#include "sgexec.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *errno_words(int code)
{
    switch (code) {
    case EPERM:   return "operation not permitted";
    case ENOENT:  return "no such file or directory";
    case EIO:     return "input/output error";
    case E2BIG:   return "argument list too long";
    case ENOEXEC: return "no format that the kernel can execute (a script needs its #! line)";
    case EAGAIN:  return "it would block: not a plain file";
    case ENOMEM:  return "out of memory";
    case EACCES:  return "permission denied";
    case EBUSY:   return "busy";
    case ENOTDIR: return "not a directory";
    case EISDIR:  return "a directory";
    case EINVAL:  return "invalid argument";
    case ENFILE:
    case EMFILE:  return "too many open files";
    case ETXTBSY: return "open for writing";
    case ENOSPC:  return "no space left";
    case EPIPE:   return "nobody reads";
    case ENAMETOOLONG: return "the name is too long";
    case ENOSYS:  return "this kernel does not have the system call";
    case ELOOP:   return "too many symbolic links";
    case EDQUOT:  return "over the quota";
    case ENXIO:   return "nobody is at the other end";
    case EBADF:   return "not open";
    default:      return NULL;
    }
}

static void say_errno(struct sg_out *out, int code)
{
    const char *words = errno_words(code);

    sg_out_text(out, words ? words : "error ");
    if (!words)
        sg_out_number(out, (uint64_t)code);
}

enum { QUOTE_MAX = 256 };

static void say_quoted(struct sg_out *out, struct sg_text text)
{
    struct sg_text head = { text.ptr, text.len < QUOTE_MAX ? text.len : QUOTE_MAX };

    sg_out_text(out, "'");
    sg_out_escaped(out, head);
    sg_out_text(out, text.len > QUOTE_MAX ? "...'" : "'");
}

static struct sg_text arg_of(const struct sg_subject *s, uint64_t at)
{
    return s->argv && at < (uint64_t)s->argc ? sg_text(s->argv[at]) : sg_text("?");
}

const char *sg_input_name(uint32_t step, uint32_t fields)
{
    switch (step) {
    case SG_STEP_POLICY:              return fields ? "policy" : "--policy";
    case SG_STEP_FLAVOUR:             return fields ? "flavour" : "--flavour";
    case SG_STEP_USER:
    case SG_STEP_USER_GROUP:          return fields ? "user" : "--user";
    case SG_STEP_RUN_AS_USER:         return fields ? "runAsUser" : "--run-as-user";
    case SG_STEP_RUN_AS_USER_NAME:    return fields ? "runAsUserName" : "--run-as-user-name";
    case SG_STEP_RUN_AS_GROUP:        return fields ? "runAsGroup" : "--run-as-group";
    case SG_STEP_RUN_AS_NON_ROOT:     return fields ? "runAsNonRoot" : "--run-as-non-root";
    case SG_STEP_FS_GROUP:            return fields ? "fsGroup" : "--fs-group";
    case SG_STEP_SUPPLEMENTAL_GROUPS: return fields ? "supplementalGroups" : "--supplemental-groups";
    case SG_STEP_EXACT:               return fields ? "exact" : "--exact";
    default:                          return "?";
    }
}

/* ---- the command line ---- */

static void say_option(struct sg_out *out, const struct sg_subject *s, const struct sg_error *err)
{
    struct sg_text option = arg_of(s, err->at);
    size_t n = 2;

    if (option.len > 1 && option.ptr[1] == '-')
        while (n < option.len && option.ptr[n] != '=')
            n++;
    option.len = n < option.len ? n : option.len;
    if (err->code == EINVAL)
        sg_out_text(out, "unknown option ");
    say_quoted(out, option);
    switch (err->code) {
    case ENODATA: sg_out_text(out, " needs a value"); break;
    case E2BIG:   sg_out_text(out, " takes no value"); break;
    case EEXIST:  sg_out_text(out, " is given twice"); break;
    case ENOTSUP: sg_out_text(out, " is an option of resolve only"); break;
    case EBUSY:   sg_out_text(out, " does not go with --exact, which reads no file"); break;
    default:      sg_out_text(out, " (see --help)"); break;
    }
}

static void say_value(struct sg_out *out, const struct sg_subject *s, const struct sg_error *err,
                      const char *wanted)
{
    say_quoted(out, arg_of(s, err->at));
    sg_out_text(out, wanted);
}

static void say_usage(struct sg_out *out, const struct sg_subject *s, const struct sg_error *err)
{
    switch (err->step) {
    case SG_STEP_VERB:
        if (err->code == ENODATA)
            sg_out_text(out, "nothing to do: say who and which command (see --help)");
        else
            say_value(out, s, err, " is neither an option nor a verb: options come first (see --help)");
        break;
    case SG_STEP_FORMAT:
        say_value(out, s, err, ": the formats are text, json, id and status");
        break;
    case SG_STEP_FILE_LIMIT:
        say_value(out, s, err, ": --file-limit is a number of bytes");
        break;
    case SG_STEP_NO_NEW_PRIVS:
        say_value(out, s, err, ": --allow-privilege-escalation can only be false");
        break;
    case SG_STEP_NOBODY:
        sg_out_text(out, "nobody is named: say who with --user, --run-as-user, --run-as-user-name or --exact");
        break;
    case SG_STEP_COMMAND:
        if (err->code == ENODATA)
            sg_out_text(out, "no command: it follows the options");
        else
            say_value(out, s, err, ": resolve runs nothing and takes no command");
        break;
    case SG_STEP_POLICY_VARIABLE:
        sg_out_text(out, "the variable SGEXEC_POLICY is ");
        say_quoted(out, s->policy);
        sg_out_text(out, ": a policy is Merge or Strict");
        break;
    default:
        say_option(out, s, err);
        break;
    }
}

/* ---- what was declared ---- */

static struct sg_text list_element(const struct sg_context *c, uint64_t index)
{
    struct sg_cursor cursor = { 0 };
    struct sg_text element = { 0 };

    while (sg_list_next(c->supplemental_groups, c->supplemental_groups_len, &cursor, &element)
           && cursor.index != index)
        ;
    return element;
}

static struct sg_text input_text(const struct sg_subject *s, const struct sg_error *err)
{
    switch (err->step) {
    case SG_STEP_POLICY:              return s->policy;
    case SG_STEP_FLAVOUR:             return arg_of(s, err->at);
    case SG_STEP_EXACT:               return s->exact;
    case SG_STEP_USER:
    case SG_STEP_USER_GROUP:          return s->context->user;
    case SG_STEP_RUN_AS_USER:         return s->context->run_as_user;
    case SG_STEP_RUN_AS_USER_NAME:    return s->context->run_as_user_name;
    case SG_STEP_RUN_AS_GROUP:        return s->context->run_as_group;
    case SG_STEP_FS_GROUP:            return s->context->fs_group;
    case SG_STEP_SUPPLEMENTAL_GROUPS: return list_element(s->context, err->at);
    default:                          return (struct sg_text){ 0 };
    }
}

static const char *malformed_words(uint32_t step)
{
    switch (step) {
    case SG_STEP_POLICY:        return ": a policy is Merge or Strict";
    case SG_STEP_FLAVOUR:       return ": the flavours are oci, containerd, crio, docker and podman";
    case SG_STEP_USER:
    case SG_STEP_USER_GROUP:    return " is not USER[:GROUP], each an id or a name";
    case SG_STEP_RUN_AS_USER:   return " is not an id";
    case SG_STEP_EXACT:         return " is not UID:GID[:GID,...]";
    default:                    return " is neither an id nor a name";
    }
}

static void say_path(struct sg_out *out, const struct sg_subject *s, const char *file)
{
    const char *rootfs = s->rootfs ? s->rootfs : "";
    struct sg_text root = sg_text(rootfs);

    while (root.len && root.ptr[root.len - 1] == '/')
        root.len--;
    sg_out_escaped(out, (struct sg_text){ root.ptr, root.len < QUOTE_MAX ? root.len : QUOTE_MAX });
    sg_out_text(out, root.len > QUOTE_MAX ? "..." : "");
    sg_out_text(out, file);
}

static void say_not_found(struct sg_out *out, const struct sg_subject *s, uint32_t step)
{
    int user = step == SG_STEP_USER || step == SG_STEP_RUN_AS_USER_NAME;

    sg_out_text(out, user ? ": no such user in " : ": no such group in ");
    say_path(out, s, user ? "/etc/passwd" : "/etc/group");
    sg_out_text(out, " (LDAP and sssd are not asked: use the id)");
}

static void say_input(struct sg_out *out, const struct sg_subject *s, const struct sg_error *err)
{
    uint32_t step = err->step;

    if (err->code == ENOTSUP) { /* it may have come from the variable */
        sg_out_text(out, "the policy Strict: docker and podman have no policy, they always merge");
        return;
    }
    sg_out_text(out, sg_input_name(step, s->fields));
    if (err->code == ENOKEY) {
        sg_out_text(out, " needs a user beside it (the flavours containerd and crio: runAsUser or its name)");
        return;
    }
    if (step == SG_STEP_RUN_AS_NON_ROOT) {
        sg_out_text(out, ": the resolved uid is 0");
        return;
    }
    sg_out_text(out, " ");
    say_quoted(out, input_text(s, err));
    switch (err->code) {
    case ERANGE:
        sg_out_text(out, ": an id is too large (at most ");
        sg_out_number(out, s->exact.ptr ? SG_ID_MAX : SG_DECLARED_MAX);
        sg_out_text(out, ")");
        break;
    case EDOM:    sg_out_text(out, ": an id has no sign"); break;
    case ENOENT:  say_not_found(out, s, step); break;
    default:      sg_out_text(out, malformed_words(step)); break;
    }
}

static void say_groups(struct sg_out *out, const struct sg_error *err)
{
    sg_out_text(out, "more than ");
    sg_out_number(out, err->at);
    sg_out_text(out, err->code == EOVERFLOW ? " times --supplemental-groups: put commas between the ids"
                     : err->code == ENOBUFS ? " bytes of group names"
                     : err->at == SG_GROUPS_MAX ? " groups: the kernel takes no more" : " grants");
}

/* ---- reading ---- */

static const char *type_words(uint64_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFIFO:  return "a FIFO";
    case S_IFSOCK: return "a socket";
    case S_IFDIR:  return "a directory";
    case S_IFCHR:
    case S_IFBLK:  return "a device";
    default:       return "something else";
    }
}

static void say_file(struct sg_out *out, const struct sg_subject *s, const struct sg_error *err)
{
    int group = err->step >= SG_STEP_GROUP_OPEN;

    say_path(out, s, group ? "/etc/group" : "/etc/passwd");
    switch (err->step) {
    case SG_STEP_PASSWD_TYPE:
    case SG_STEP_GROUP_TYPE:
        sg_out_text(out, " is ");
        sg_out_text(out, type_words(err->at));
        sg_out_text(out, ", not a regular file");
        return;
    case SG_STEP_PASSWD_LINE:
    case SG_STEP_GROUP_LINE:
        sg_out_text(out, ":");
        sg_out_number(out, err->at);
        sg_out_text(out, ": this line is sought and malformed: mend it");
        return;
    default:
        break;
    }
    if (err->code == EFBIG) {
        sg_out_text(out, " is larger than ");
        sg_out_number(out, err->at);
        sg_out_text(out, s->fields ? " bytes (file_limit)" : " bytes (--file-limit)");
    } else if (err->code == ESTALE) {
        sg_out_text(out, " was changed while it was read: try again");
    } else {
        sg_out_text(out, ": ");
        say_errno(out, err->code);
    }
}

static void say_rootfs(struct sg_out *out, const struct sg_subject *s, const struct sg_error *err)
{
    sg_out_text(out, "rootfs ");
    say_quoted(out, sg_text(s->rootfs ? s->rootfs : ""));
    sg_out_text(out, ": ");
    if (err->step == SG_STEP_ROOTFS)
        say_errno(out, err->code);
    else
        sg_out_text(out, err->code == ENOSYS ? "openat2 is missing: it needs Linux 5.6 or newer"
                                             : "openat2 is refused: by a seccomp filter older than it");
}

/* ---- acting ---- */

static const char *capability_name(uint64_t cap)
{
    switch (cap) {
    case SG_CAP_SETGID:     return "CAP_SETGID";
    case SG_CAP_SETUID:     return "CAP_SETUID";
    case SG_CAP_SYS_CHROOT: return "CAP_SYS_CHROOT";
    default:                return NULL;
    }
}

static const char *effect_name(uint32_t step)
{
    switch (step) {
    case SG_STEP_DESCRIPTORS:      return "closing descriptors";
    case SG_STEP_CHROOT:           return "chroot";
    case SG_STEP_KEYRING:          return "a new session keyring";
    case SG_STEP_SETGROUPS:        return "setgroups";
    case SG_STEP_SETRESGID:        return "setresgid";
    case SG_STEP_SETRESUID:        return "setresuid";
    case SG_STEP_CAPSET:           return "capset";
    case SG_STEP_CWD:              return "the working directory";
    case SG_STEP_SET_NO_NEW_PRIVS: return "no_new_privs";
    case SG_STEP_WRITE:            return "writing the answer";
    case SG_STEP_VERB_PROGRAM:     return "this verb is in Python, and sgexec-py beside this program";
    default:                       return "?";
    }
}

static const char *proof_words(uint64_t proof)
{
    switch (proof) {
    case SG_PROOF_UID:           return "the uid";
    case SG_PROOF_GID:           return "the gid";
    case SG_PROOF_GROUPS:        return "the list of groups";
    case SG_PROOF_CAPABILITIES:  return "the capabilities";
    case SG_PROOF_AMBIENT:       return "the ambient capabilities";
    case SG_PROOF_NO_NEW_PRIVS:  return "no_new_privs";
    case SG_PROOF_ROOT:          return "the root directory";
    default:                     return NULL;
    }
}

static void say_proof(struct sg_out *out, const struct sg_error *err)
{
    const char *what = proof_words(err->at);

    sg_out_text(out, "not executed: ");
    if (what) {
        sg_out_text(out, what);
        sg_out_text(out, " read back is not what was set");
    } else {
        sg_out_text(out, err->at == SG_PROOF_UID_REGAINED ? "a former uid" : "a former gid");
        sg_out_text(out, " could be taken again after the change");
    }
}

static void say_needs(struct sg_out *out, const char *capability)
{
    sg_out_text(out, "needs ");
    sg_out_text(out, capability);
    sg_out_text(out, ": running as uid ");
    sg_out_number(out, (uint64_t)geteuid());
    sg_out_text(out, " without it");
}

static void say_effect(struct sg_out *out, const struct sg_error *err)
{
    uint32_t step = err->step;
    const char *capability = capability_name(err->at);

    if (err->code == EPERM && capability) {
        say_needs(out, capability);
        return;
    }
    sg_out_text(out, effect_name(step));
    if (step == SG_STEP_SETGROUPS && err->code == EPERM)
        sg_out_text(out, " is denied: by this user namespace (/proc/self/setgroups) or a seccomp filter");
    else if (err->code == EINVAL && step >= SG_STEP_SETGROUPS && step <= SG_STEP_SETRESUID)
        sg_out_text(out, ": an id is not mapped in this user namespace, or not valid");
    else if (step == SG_STEP_CWD)
        sg_out_text(out, " is gone or outside of the root: change to another one");
    else {
        sg_out_text(out, ": ");
        say_errno(out, err->code);
    }
}

static void say_exec(struct sg_out *out, const struct sg_subject *s, const struct sg_error *err)
{
    say_quoted(out, sg_text(s->command ? s->command : "?"));
    sg_out_text(out, ": ");
    if (err->code == ENOENT && err->at)
        sg_out_text(out, "the file is there, but its interpreter is not");
    else if (err->code == ENOENT && s->command && !strchr(s->command, '/'))
        sg_out_text(out, "not found in PATH");
    else if (err->code == EAGAIN)
        sg_out_text(out, "the user has too many processes (RLIMIT_NPROC)");
    else
        say_errno(out, err->code);
}

static void say(struct sg_out *out, const struct sg_subject *s, const struct sg_error *err)
{
    if (err->step <= SG_STEP_POLICY_VARIABLE)
        say_usage(out, s, err);
    else if (err->step <= SG_STEP_RUN_AS_NON_ROOT)
        say_input(out, s, err);
    else if (err->step == SG_STEP_GROUPS)
        say_groups(out, err);
    else if (err->step <= SG_STEP_OPENAT2)
        say_rootfs(out, s, err);
    else if (err->step <= SG_STEP_GROUP_LINE)
        say_file(out, s, err);
    else if (err->step == SG_STEP_PRIVILEGED_START)
        sg_out_text(out, err->at ? "started with file capabilities: it refuses to run with more than its caller has"
                                 : "started set-user-ID or set-group-ID: it refuses to run with more than its "
                                   "caller has");
    else if (err->step == SG_STEP_PROVE)
        say_proof(out, err);
    else if (err->step == SG_STEP_EXEC)
        say_exec(out, s, err);
    else
        say_effect(out, err);
}

size_t sg_error_words(const struct sg_error *err, const struct sg_subject *subject, char *to, size_t cap)
{
    struct sg_out out = { .fd = -1, .bytes = to, .cap = cap };

    say(&out, subject, err);
    return out.len;
}

/* report.c - an identity as text, JSON, id(1)'s line, or Kubernetes status. */
#include "sgexec.h"

#include <string.h>

struct report {
    struct sg_out *out;
    const struct sg_options *options;
    const struct sg_identity *id;
    const struct sg_workspace *ws;
};

static const char *origin_name(uint32_t origin)
{
    switch (origin) {
    case SG_ORIGIN_USER:                return "user";
    case SG_ORIGIN_PASSWD:              return "passwd";
    case SG_ORIGIN_RUN_AS_GROUP:        return "runAsGroup";
    case SG_ORIGIN_DEFAULT:             return "default";
    case SG_ORIGIN_FS_GROUP:            return "fsGroup";
    case SG_ORIGIN_SUPPLEMENTAL_GROUPS: return "supplementalGroups";
    case SG_ORIGIN_IMAGE:               return "image";
    case SG_ORIGIN_EXACT:               return "exact";
    default:                            return "?";
    }
}

static void say(const struct report *r, const char *text)
{
    sg_out_text(r->out, text);
}

static void say_number(const struct report *r, const char *before, uint64_t n)
{
    say(r, before);
    sg_out_number(r->out, n);
}

/* The option that the grant came from, and the line of the file where a file had a part in it. */
static void say_where(const struct report *r, const struct sg_grant *g)
{
    switch (g->origin) {
    case SG_ORIGIN_PASSWD:  say_number(r, "/etc/passwd:", g->line); return;
    case SG_ORIGIN_IMAGE:   say_number(r, "/etc/group:", g->line); return;
    case SG_ORIGIN_DEFAULT: say(r, "/etc/passwd: no line"); return;
    case SG_ORIGIN_USER:    say(r, sg_input_name(SG_STEP_USER, 0)); break;
    case SG_ORIGIN_RUN_AS_GROUP: say(r, sg_input_name(SG_STEP_RUN_AS_GROUP, 0)); break;
    case SG_ORIGIN_FS_GROUP: say(r, sg_input_name(SG_STEP_FS_GROUP, 0)); break;
    case SG_ORIGIN_EXACT:   say(r, sg_input_name(SG_STEP_EXACT, 0)); break;
    default:
        say(r, sg_input_name(SG_STEP_SUPPLEMENTAL_GROUPS, 0));
        say_number(r, "[", g->index);
        say(r, "]");
        break;
    }
    if (g->line)
        say_number(r, " -> /etc/group:", g->line);
}

static struct sg_text group_name(const struct report *r, const struct sg_grant *g)
{
    return (struct sg_text){ r->ws->names + g->name_at, g->name_len };
}

/* ---- JSON ---- */

/* The escape's result within a JSON string: only the backslash and the quote are left to be escaped. */
static void json_string(const struct report *r, struct sg_text text)
{
    char coded[4];

    say(r, "\"");
    for (size_t i = 0; i < text.len; i++) {
        size_t n = sg_escape((struct sg_text){ text.ptr + i, 1 }, coded, sizeof coded);
        for (size_t j = 0; j < n; j++) {
            if (coded[j] == '\\' || coded[j] == '"')
                say(r, "\\");
            sg_out_bytes(r->out, (struct sg_text){ &coded[j], 1 });
        }
    }
    say(r, "\"");
}

static void json_groups(const struct report *r)
{
    say(r, "[");
    for (uint32_t i = 0; i < r->id->groups_len; i++)
        say_number(r, i ? ", " : "", r->ws->groups[i]);
    say(r, "]");
}

static void json_grant(const struct report *r, const struct sg_grant *g)
{
    say_number(r, "{\"gid\": ", g->gid);
    say(r, ", \"origin\": \"");
    say(r, origin_name(g->origin));
    say(r, "\", \"where\": \"");
    say_where(r, g);
    say(r, "\"");
    if (g->name_len) {
        say(r, ", \"group\": ");
        json_string(r, group_name(r, g));
    }
    say(r, "}");
}

static void json_grants(const struct report *r, uint32_t withheld)
{
    const char *between = "";

    say(r, "[");
    for (uint32_t i = 0; i < r->id->grants_len; i++)
        if (r->ws->grants[i].withheld == withheld) {
            say(r, between);
            json_grant(r, &r->ws->grants[i]);
            between = ", ";
        }
    say(r, "]");
}

static size_t withheld_error(const struct report *r, char *text, size_t cap)
{
    const struct sg_subject subject = { .context = &r->options->context, .rootfs = r->options->rootfs };

    return sg_error_words(&r->id->withheld_error, &subject, text, cap);
}

static void json_withheld(const struct report *r)
{
    char text[4096];

    say(r, ", \"withheld\": ");
    if (r->id->withheld_error.code) {
        /* The sentence is escaped already: what is left are its backslashes and quotes. */
        size_t n = withheld_error(r, text, sizeof text);
        say(r, "null, \"withheldError\": \"");
        for (size_t i = 0; i < n; i++) {
            if (text[i] == '\\' || text[i] == '"')
                say(r, "\\");
            sg_out_bytes(r->out, (struct sg_text){ &text[i], 1 });
        }
        say(r, "\"");
    } else {
        json_grants(r, 1);
    }
}

/* How Strict can be undone from inside. */
static int escapes_by_programs(const struct report *r)
{
    return !r->options->no_new_privs;
}

static int escapes_by_capability(const struct report *r)
{
    return r->id->uid == 0;
}

static void json_escapes(const struct report *r)
{
    say(r, ", \"escapes\": [");
    if (escapes_by_programs(r))
        say(r, "\"setIdPrograms\"");
    if (escapes_by_capability(r))
        say(r, escapes_by_programs(r) ? ", \"capSetgid\"" : "\"capSetgid\"");
    say(r, "]");
}

static void say_skipped(const struct report *r, const char *file, const struct sg_skipped *skipped)
{
    say(r, file);
    say_number(r, ":", skipped->first);
    say(r, ": malformed and skipped");
    if (skipped->lines > 1) {
        say_number(r, ", and ", skipped->lines - 1);
        say(r, " more");
    }
}

/* Calls `begin` before each note. Notes hold nothing that needs an escape. */
static int notes(const struct report *r, const char *first, const char *next, const char *end)
{
    int n = 0;

    if (r->id->user_ignored) {
        say(r, n++ ? next : first);
        say(r, "--user is ignored with its group: runAsUser or runAsUserName is given");
        say(r, end);
    }
    if (r->id->passwd_skipped.lines) {
        say(r, n++ ? next : first);
        say_skipped(r, "/etc/passwd", &r->id->passwd_skipped);
        say(r, end);
    }
    if (r->id->group_skipped.lines) {
        say(r, n++ ? next : first);
        say_skipped(r, "/etc/group", &r->id->group_skipped);
        say(r, end);
    }
    return n;
}

static const char *policy_name(const struct sg_identity *id)
{
    return id->policy == SG_POLICY_STRICT ? "Strict" : id->policy == SG_POLICY_MERGE ? "Merge" : NULL;
}

static struct sg_text home_of(const struct sg_identity *id)
{
    return id->home_len ? (struct sg_text){ id->home, id->home_len } : sg_text("/");
}

static void report_json(const struct report *r)
{
    const char *policy = policy_name(r->id);

    say_number(r, "{\"schema\": \"sgexec/identity/v1\", \"uid\": ", r->id->uid);
    say_number(r, ", \"gid\": ", r->id->gid);
    say(r, ", \"supplementalGroups\": ");
    json_groups(r);
    say(r, policy ? ", \"policy\": \"" : ", \"policy\": null");
    say(r, policy ? policy : "");
    say(r, policy ? "\", \"home\": " : ", \"home\": ");
    json_string(r, home_of(r->id));
    say(r, ", \"user\": ");
    if (r->id->user_len)
        json_string(r, (struct sg_text){ r->id->user, r->id->user_len });
    else
        say(r, "null");
    say(r, ", \"grants\": ");
    json_grants(r, 0);
    json_withheld(r);
    json_escapes(r);
    if (notes(r, ", \"notes\": [\"", ", \"", "\""))
        say(r, "]");
    say(r, "}\n");
}

static void report_status(const struct report *r)
{
    say_number(r, "{\"linux\": {\"gid\": ", r->id->gid);
    if (r->id->groups_len) {
        say(r, ", \"supplementalGroups\": ");
        json_groups(r);
    }
    say_number(r, ", \"uid\": ", r->id->uid);
    say(r, "}}\n");
}

/* As id(1) without names: the gid first. */
static void report_id(const struct report *r)
{
    const char *between = " groups=";

    say_number(r, "uid=", r->id->uid);
    say_number(r, " gid=", r->id->gid);
    for (uint32_t i = 0; i < r->id->groups_len; i++)
        if (r->ws->groups[i] == r->id->gid) {
            say_number(r, between, r->id->gid);
            between = ",";
            break;
        }
    for (uint32_t i = 0; i < r->id->groups_len; i++)
        if (r->ws->groups[i] != r->id->gid) {
            say_number(r, between, r->ws->groups[i]);
            between = ",";
        }
    say(r, "\n");
}

/* ---- text ---- */

static void pad(const struct report *r, size_t len, size_t width)
{
    for (; len < width; len++)
        say(r, " ");
}

static void text_grants(const struct report *r, uint32_t withheld)
{
    for (uint32_t i = 0; i < r->id->grants_len; i++) {
        const struct sg_grant *g = &r->ws->grants[i];
        size_t digits = 1;
        if (g->withheld != withheld)
            continue;
        for (uint32_t n = g->gid; n >= 10; n /= 10)
            digits++;
        pad(r, digits, 12);
        say_number(r, "", g->gid);
        say(r, "  ");
        say(r, origin_name(g->origin));
        pad(r, strlen(origin_name(g->origin)), 20);
        say_where(r, g);
        if (g->name_len) {
            say(r, "  ");
            sg_out_escaped(r->out, group_name(r, g));
        }
        say(r, "\n");
    }
}

static void text_withheld(const struct report *r)
{
    char text[4096];

    if (r->id->withheld_error.code) {
        size_t n = withheld_error(r, text, sizeof text);
        say(r, "\nWhat Strict withholds is not known: ");
        sg_out_bytes(r->out, (struct sg_text){ text, n });
        say(r, "\n");
        return;
    }
    for (uint32_t i = 0; i < r->id->grants_len; i++)
        if (r->ws->grants[i].withheld) {
            say(r, "\nStrict withholds what Merge would add:\n");
            text_grants(r, 1);
            return;
        }
}

static void report_text(const struct report *r)
{
    const char *policy = policy_name(r->id);

    report_id(r);
    if (r->id->user_len) {
        say(r, "user ");
        sg_out_escaped(r->out, (struct sg_text){ r->id->user, r->id->user_len });
        if (r->id->passwd_line)
            say_number(r, ", /etc/passwd:", r->id->passwd_line);
        say(r, ", home ");
        sg_out_escaped(r->out, home_of(r->id));
        say(r, "\n");
    }
    say(r, policy ? "policy " : "policy none: the ids are exact");
    say(r, policy ? policy : "");
    say(r, "\n\n         GID  ORIGIN              WHERE\n");
    text_grants(r, 0);
    text_withheld(r);
    if (escapes_by_programs(r))
        say(r, "\nSet-id programs can change this identity: --no-new-privs closes that.\n");
    if (escapes_by_capability(r))
        say(r, "\nUid 0 with CAP_SETGID can take any group.\n");
    notes(r, "\nnote: ", "note: ", "\n");
}

void sg_report(struct sg_out *out, const struct sg_options *options, const struct sg_identity *identity,
               const struct sg_workspace *ws)
{
    const struct report r = { out, options, identity, ws };

    switch (options->format) {
    case SG_FORMAT_TEXT:   report_text(&r); break;
    case SG_FORMAT_JSON:   report_json(&r); break;
    case SG_FORMAT_ID:     report_id(&r); break;
    case SG_FORMAT_STATUS: report_status(&r); break;
    }
}

/* out.c - bytes on their way out, and the one escape for names that come from strangers (H31). */
#include "sgexec.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

int sg_out_flush(struct sg_out *out)
{
    size_t done = 0;

    while (out->fd >= 0 && !out->failed && done < out->len) {
        ssize_t n = write(out->fd, out->bytes + done, out->len - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno == EAGAIN)
            poll(&(struct pollfd){ .fd = out->fd, .events = POLLOUT }, 1, -1);
        else if (errno != EINTR)
            out->failed = errno;
    }
    if (out->fd >= 0)
        out->len = 0;
    return out->failed ? -out->failed : 0;
}

void sg_out_bytes(struct sg_out *out, struct sg_text bytes)
{
    while (bytes.len) {
        size_t room = out->cap - out->len, n = bytes.len < room ? bytes.len : room;
        memcpy(out->bytes + out->len, bytes.ptr, n);
        out->len += n;
        bytes.ptr += n;
        bytes.len -= n;
        if (bytes.len && (out->fd < 0 || sg_out_flush(out) < 0))
            return;
    }
}

void sg_out_text(struct sg_out *out, const char *text)
{
    sg_out_bytes(out, sg_text(text));
}

void sg_out_number(struct sg_out *out, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + n % 10);
    while (n /= 10);
    sg_out_bytes(out, (struct sg_text){ digits + at, sizeof digits - at });
}

void sg_out_escaped(struct sg_out *out, struct sg_text text)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        const char coded[4] = { '\\', 'x', hex[c >> 4], hex[c & 15] };
        if (c == '\\')
            sg_out_bytes(out, (struct sg_text){ "\\\\", 2 });
        else if (c >= 0x20 && c < 0x7f)
            sg_out_bytes(out, (struct sg_text){ &text.ptr[i], 1 });
        else
            sg_out_bytes(out, (struct sg_text){ coded, 4 });
    }
}

size_t sg_escape(struct sg_text text, char *to, size_t cap)
{
    struct sg_out out = { .fd = -1, .bytes = to, .cap = cap };

    sg_out_escaped(&out, text);
    return out.len;
}

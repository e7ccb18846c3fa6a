/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Preloaded, this is a kernel that knows neither UDP_SEGMENT nor UDP_GRO. */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

static bool
is_run (const struct msghdr *message)
{
  for (struct cmsghdr *control = CMSG_FIRSTHDR (message); control;
       control = CMSG_NXTHDR ((struct msghdr *) message, control))
    if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_SEGMENT)
      return true;
  return false;
}

static int
refuse (int error)
{
  errno = error;
  return -1;
}

ssize_t
sendmsg (int fd, const struct msghdr *message, int flags)
{
  static ssize_t (*next) (int, const struct msghdr *, int);

  if (!next)
    next = dlsym (RTLD_NEXT, "sendmsg");
  return is_run (message) ? refuse (EIO) : next (fd, message, flags);
}

int
sendmmsg (int fd, struct mmsghdr *messages, unsigned count, int flags)
{
  static int (*next) (int, struct mmsghdr *, unsigned, int);
  unsigned plain = 0;

  if (!next)
    next = dlsym (RTLD_NEXT, "sendmmsg");
  while (plain < count && !is_run (&messages[plain].msg_hdr))
    plain++;
  return plain == 0 ? refuse (EIO) : next (fd, messages, plain, flags);
}

int
setsockopt (int fd, int level, int option, const void *value, socklen_t length)
{
  static int (*next) (int, int, int, const void *, socklen_t);

  if (!next)
    next = dlsym (RTLD_NEXT, "setsockopt");
  if (level == SOL_UDP && option == UDP_GRO)
    return refuse (ENOPROTOOPT);
  return next (fd, level, option, value, length);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "common.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RECEIVE_BUFFER (32 << 20)
/* What the kernel reckons for a datagram beside its bytes, at most. */
#define OVERHEAD 1280

/* Seconds after which what has not come is lost: better to fail than to hang. */
#define PATIENCE 60

static int control = -1;

void
fail (const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  vfprintf (stderr, format, arguments);
  va_end (arguments);
  fputc ('\n', stderr);
  exit (1);
}

double
wall_clock (void)
{
  struct timespec clock;

  clock_gettime (CLOCK_MONOTONIC, &clock);
  return clock.tv_sec + clock.tv_nsec / 1e9;
}

Moment
now (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (Moment) {
    .cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
    .wall = wall_clock (),
  };
}

void
add_since (Moment *total, Moment begin)
{
  Moment end = now ();

  total->cpu += end.cpu - begin.cpu;
  total->wall += end.wall - begin.wall;
}

static int
compare (const void *left, const void *right)
{
  double a = *(const double *) left, b = *(const double *) right;

  return (a > b) - (a < b);
}

double
median (double *values, size_t count)
{
  qsort (values, count, sizeof *values, compare);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

void
report (const char *name, double value)
{
  printf ("%s %.9g\n", name, value);
}

void
report_handshake (double wall)
{
  report (wall < 0 ? "failed" : "done", wall < 0 ? -wall : wall);
}

int
udp_socket (uint16_t port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct timeval patience = { .tv_sec = PATIENCE };
  int size = RECEIVE_BUFFER;

  check (fd >= 0, "socket: %m");
  if (setsockopt (fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
    setsockopt (fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  check (bind (fd, (struct sockaddr *) &address, sizeof address) == 0, "bind: %m");
  address.sin_port = htons (port);
  if (port != 0)
    check (connect (fd, (struct sockaddr *) &address, sizeof address) == 0, "connect: %m");
  return fd;
}

unsigned
burst (int fd, size_t size)
{
  int room = 0;
  socklen_t length = sizeof room;
  unsigned count;

  check (getsockopt (fd, SOL_SOCKET, SO_RCVBUF, &room, &length) == 0, "getsockopt: %m");
  count = room / 2 / (size + OVERHEAD) / 32 * 32;
  check (count > 0, "The receive buffer is too small: raise net.core.rmem_max, or run as root");
  return count < 512 ? count : 512;
}

void
set_control_port (uint16_t port)
{
  control = udp_socket (port);
}

long
order (const char *format, ...)
{
  char text[128];
  va_list arguments;
  ssize_t length;

  va_start (arguments, format);
  length = vsnprintf (text, sizeof text, format, arguments);
  va_end (arguments);
  check (send (control, text, length, 0) == length, "Cannot reach the peer: %m");
  length = recv (control, text, sizeof text - 1, 0);
  check (length > 3 && memcmp (text, "ok ", 3) == 0, "The peer refuses: %s", format);
  text[length] = '\0';
  return atol (text + 3);
}

static unsigned
count_entries (const char *path)
{
  DIR *folder = opendir (path);
  unsigned count = 0;

  check (folder != NULL, "%s: %m", path);
  while (readdir (folder))
    count++;
  closedir (folder);
  return count - 2;
}

unsigned
count_threads (void)
{
  return count_entries ("/proc/self/task");
}

unsigned
count_descriptors (void)
{
  return count_entries ("/proc/self/fd");
}

double
resident_memory (void)
{
  FILE *file = fopen ("/proc/self/statm", "r");
  unsigned long size, resident;

  check (file && fscanf (file, "%lu %lu", &size, &resident) == 2, "/proc/self/statm: %m");
  fclose (file);
  return (double) resident * sysconf (_SC_PAGESIZE);
}

void
allow_descriptors (void)
{
  struct rlimit limit;

  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
}

/* What the ends in C share: END server|client PORT CREDENTIAL MTU PKI PSK-IDENTITY PSK-KEY
 *
 * CREDENTIAL is rsa, ecdsa, client or psk. A server serves one client, and sends back what it gets. A
 * client says one line of its standard input, shows the answer, and closes when its standard input ends.
 * Each exits with 0 if the other end has closed cleanly.
 */
#ifndef END_H
#define END_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LONGEST 2000
#define IDENTITY "server.example.com"

static int is_server, port, mtu;
static const char *credential, *pki, *psk_identity, *psk_key;

static inline void
read_arguments (int argc, char *argv[])
{
  if (argc != 8) {
    fprintf (stderr, "usage: %s ROLE PORT CREDENTIAL MTU PKI PSK-IDENTITY PSK-KEY\n", argv[0]);
    exit (2);
  }
  is_server = strcmp (argv[1], "server") == 0;
  port = atoi (argv[2]);
  credential = argv[3];
  mtu = atoi (argv[4]);
  pki = argv[5];
  psk_identity = argv[6];
  psk_key = argv[7];
}

static inline int
has (const char *kind)
{
  return strcmp (credential, kind) == 0;
}

/* The path of a file of the PKI; valid until the program ends. */
static inline char *
path (const char *stem, const char *extension)
{
  char *name = malloc (strlen (pki) + strlen (stem) + strlen (extension) + 3);

  sprintf (name, "%s/%s.%s", pki, stem, extension);
  return name;
}

/* The end's own certificate by its stem, or NULL. */
static inline const char *
own_stem (void)
{
  if (has ("psk"))
    return NULL;
  if (is_server)
    return has ("rsa") ? "rsa" : "ecdsa";
  return has ("client") ? "client" : NULL;
}

/* Ends the program unless something holds. */
static inline void
demand (int holds, const char *what)
{
  if (holds)
    return;
  perror (what);
  exit (1);
}

/* A blocking socket that is connected to the other end; a server waits for its first datagram. */
static inline int
connected_socket (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((unsigned short) port) };
  socklen_t size = sizeof address;
  char byte;
  int fd = socket (AF_INET, SOCK_DGRAM, 0);

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  if (is_server) {
    demand (bind (fd, (struct sockaddr *) &address, size) == 0, "bind");
    demand (recvfrom (fd, &byte, 1, MSG_PEEK, (struct sockaddr *) &address, &size) >= 0, "peek");
  }
  demand (connect (fd, (struct sockaddr *) &address, size) == 0, "connect");
  return fd;
}

/* What a client says. */
static inline size_t
read_line (char *line)
{
  ssize_t length = read (0, line, LONGEST);

  demand (length > 0, "read");
  return (size_t) length;
}

/* Shows a client's answer, and waits until it shall close. */
static inline void
show_and_wait (const char *answer, size_t length)
{
  char byte;

  demand (write (1, answer, length) == (ssize_t) length, "write");
  while (read (0, &byte, 1) > 0)
    ;
}

#endif

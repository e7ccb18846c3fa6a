/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Datagrams between OpenSSL and sockets, for the programs without GIO. A thread works on one session
 * at a time, so all its sessions share one wire, which holds nothing between two pieces of work. */

#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>

#include "common.h"

/* A BIO that takes what was offered, and keeps what OpenSSL writes as separate datagrams. */
BIO *wire_bio (void);
/* From now on, BIOs use the socket directly: one recv() for a read, one send() for a write. -1 ends it. */
void wire_connect (int fd);

/* Offers one datagram, which is not copied, for reading. What is left is dropped with wire_reset(). */
void wire_offer (const unsigned char *datagram, size_t size);
void wire_reset (void);

/* Datagrams that wait to be sent. Each of the next ones sends them all, to `to` unless it is NULL. */
unsigned wire_waiting (void);
void wire_send_each (int fd, const struct sockaddr_in *to);
/* All datagrams must have one size. */
void wire_send_segmented (int fd, const struct sockaddr_in *to);
/* Drops those for which `is_lost` says so. */
void wire_lose (int (*is_lost) (void));

/* Takes at most `count` datagrams from a socket with recvmmsg() and calls `take` with each; with
 * `merged`, each slot may hold many that the kernel has merged (UDP_GRO). */
typedef void (*Take) (const unsigned char *datagram, size_t size, const struct sockaddr_in *from);
int wire_receive (int fd, unsigned count, int flags, int merged, Take take);

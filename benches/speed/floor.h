/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The floor: the same work by OpenSSL alone over plain sockets, in plain C. */

#pragma once

#include <stdbool.h>

#include "wire.h"

typedef struct
{
  SSL *ssl;
  int fd;
} Session;

/* The authorities to trust, and the server's port; before everything else. */
void floor_init (const char *authorities, uint16_t port);

/* A session on a socket of its own. */
Session session_new (int fd);
void session_free (Session session);
int session_socket (void);
/* Takes one step; true when the handshake is done. Fails if it has failed. */
bool session_step (Session session);
/* A blocking handshake, with retransmissions. False: it failed. */
bool session_handshake (Session session);
/* A session that is established. */
Session session_open (void);

void floor_handshake_sync (unsigned count);
void floor_handshake_async (unsigned rounds, unsigned at_once);
void floor_resumed (unsigned count);
void floor_loss (unsigned count);
/* With `released`, idle sessions have given their buffers back. */
void floor_memory (unsigned count, bool released);

void floor_send (size_t size, unsigned batch, unsigned count, bool segmented);
void floor_receive (size_t size, unsigned batch, unsigned count, bool merged);
void floor_ping_pong (size_t size, unsigned count);

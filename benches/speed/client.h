/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The same work by GIO's public functions, whatever backend GIO chooses. */

#pragma once

#include <gio/gio.h>

#include "common.h"

/* The authorities to trust, and the ports of the server and of the one that never answers; before
 * everything else. */
void client_init (const char *authorities, guint16 port, guint16 silent_port);

/* A socket that is connected to the server. */
GSocket *server_socket (void);
GSocket *silent_socket (void);
/* A connection that has not begun its handshake. */
GDtlsConnection *connection_new (GSocket *socket);
/* One that has finished it. */
GDtlsConnection *connection_open (GSocket **socket);
void connection_close (GDtlsConnection *connection);
/* Fails, telling the reason, if there is one. */
void check_error (GError *error, const char *what);

/* Brings the handshakes to their ends on one main loop. */
void handshake_all (GDtlsConnection **connections, guint count);

void client_handshake_sync (guint count);
void client_handshake_async (guint rounds, guint at_once);
void client_resumed (guint count);
void client_loss (guint count);

void client_threads (guint at_once);
void client_silent (guint count);
void client_memory (guint count);
void client_loop (guint count, guint iterations);

void client_send (gsize size, guint batch, guint count);
void client_receive (gsize size, guint batch, guint count, gboolean offload);
void client_ping_pong (gsize size, guint count);
void client_ping_pong_loop (gsize size, guint count);

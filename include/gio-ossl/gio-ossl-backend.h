/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * The backend's GType is named GTlsBackendOssl, as GIO's registry expects of the extension "ossl".
 * A class of a namespace must bear the namespace's prefix, so introspection sees the backend as a
 * GTlsBackend.
 */
#ifndef __GI_SCANNER__

#define GIO_OSSL_TYPE_BACKEND (gio_ossl_backend_get_type ())
typedef struct _GioOsslBackend GioOsslBackend;

GType gio_ossl_backend_get_type (void) G_GNUC_CONST;

#endif

/**
 * gio_ossl_get_backend:
 *
 * Gives this library's own #GTlsBackend, whatever the default backend of
 * the process is: its types and its default database are gio-ossl's. Where
 * GIO chose gio-ossl, it is the object that g_tls_backend_get_default() gives.
 *
 * Returns: (transfer none): the backend, the same object on every call
 *
 * Since: 0.1
 */
GTlsBackend *gio_ossl_get_backend (void);

G_END_DECLS

/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define GIO_OSSL_TYPE_DATABASE (gio_ossl_database_get_type ())

/**
 * GioOsslDatabase:
 *
 * The certificate authorities that the system trusts, as a #GTlsDatabase.
 *
 * The one that everybody shares is the backend's default database: see
 * g_tls_backend_get_default_database() and gio_ossl_get_backend().
 *
 * Since: 0.1
 */
G_DECLARE_FINAL_TYPE (GioOsslDatabase, gio_ossl_database, GIO_OSSL, DATABASE, GTlsDatabase)

G_END_DECLS
